"""What a store is asked, and its answers with their evidence; nothing here writes."""
