"""What caches of Nix sign, claimed of the derivation whose output it is."""
