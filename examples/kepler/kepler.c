/* Kepler's third law from a table: fits log P = k log a + c by least squares.
 *
 *   kepler PLANETS.CSV RESIDUALS.CSV
 *
 * PLANETS.CSV has the header "name,semi_major_axis_au,period_days" and one body
 * per line. The report goes to standard output, one line per body to
 * RESIDUALS.CSV. Exit 0, or 2 with a message on standard error.
 *
 * Everything is computed and summed in double precision. Building with
 * -DREAL=float keeps the sums in single precision: a mistake that compiles
 * without a warning, runs, and gives another answer from the seventh decimal on.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef REAL
#define REAL double
#endif

enum { BODIES_MAX = 256, NAME_MAX_BYTES = 32, LINE_MAX_BYTES = 128 };

static const char HEADER[] = "name,semi_major_axis_au,period_days\n";

struct body {
    char name[NAME_MAX_BYTES];
    double axis_au, period_days;
};

static struct body bodies[BODIES_MAX];

static void fail(const char *path, int line, const char *what) {
    fprintf(stderr, "kepler: %s:%d: %s\n", path, line, what);
    exit(2);
}

/* Reads one positive number that must end at `end`; returns what follows. */
static const char *number(const char *text, char end, double *value) {
    char *rest;
    *value = strtod(text, &rest);
    if (rest == text || *rest != end || !(*value > 0) || isinf(*value)) return NULL;
    return rest + 1;
}

static int read_bodies(const char *path) {
    char text[LINE_MAX_BYTES];
    FILE *file = fopen(path, "r");
    if (!file) fail(path, 0, strerror(errno));
    if (!fgets(text, sizeof text, file) || strcmp(text, HEADER) != 0)
        fail(path, 1, "expected the header name,semi_major_axis_au,period_days");
    int count = 0;
    while (fgets(text, sizeof text, file)) {
        int line = count + 2;
        if (count == BODIES_MAX) fail(path, line, "more than 256 bodies");
        struct body *body = &bodies[count++];
        const char *comma = strchr(text, ',');
        size_t length = comma ? (size_t)(comma - text) : 0;
        if (length == 0 || length >= sizeof body->name)
            fail(path, line, "expected a name of 1 to 31 bytes and a comma");
        memcpy(body->name, text, length);
        const char *rest = number(comma + 1, ',', &body->axis_au);
        if (!rest || !number(rest, '\n', &body->period_days))
            fail(path, line, "expected two positive numbers: au, days");
    }
    if (ferror(file)) fail(path, count + 1, "cannot be read to its end");
    fclose(file);
    if (count < 2) fail(path, count + 1, "a line needs at least two bodies");
    return count;
}

static FILE *create(char *path) {
    char *slash = strrchr(path, '/');
    if (slash && slash != path) {
        *slash = '\0';
        /* A host that lays the folder out itself may have no mkdir, as Bacalhau. */
        if (mkdir(path, 0777) != 0 && errno != EEXIST && errno != ENOSYS)
            fail(path, 0, strerror(errno));
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    if (!file) fail(path, 0, strerror(errno));
    return file;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: kepler PLANETS.CSV RESIDUALS.CSV\n");
        return 2;
    }
    const int n = read_bodies(argv[1]);

    REAL sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
    for (int i = 0; i < n; i++) {
        const REAL x = log(bodies[i].axis_au), y = log(bodies[i].period_days);
        sum_x += x, sum_y += y, sum_xx += x * x, sum_xy += x * y;
    }
    const REAL spread = n * sum_xx - sum_x * sum_x;
    if (!(spread > 0)) fail(argv[1], n + 1, "all semi-major axes are equal");
    const REAL k = (n * sum_xy - sum_x * sum_y) / spread;
    const REAL c = (sum_y - k * sum_x) / n;

    FILE *out = create(argv[2]);
    double squares = 0;
    fprintf(out, "name,period_days,fitted_days,residual_days\n");
    for (int i = 0; i < n; i++) {
        const double fitted = exp(k * log(bodies[i].axis_au) + c);
        const double residual = bodies[i].period_days - fitted;
        const double log_residual = log(bodies[i].period_days / fitted);
        squares += log_residual * log_residual;
        fprintf(out, "%s,%.10g,%.12g,%.9f\n", bodies[i].name,
                bodies[i].period_days, fitted, residual);
    }
    if (ferror(out) | fclose(out)) fail(argv[2], 0, "cannot be written");

    printf("Kepler's third law, log P = k log a + c, %d bodies\n", n);
    printf("exponent k      %.13f   (Kepler: 1.5)\n", (double)k);
    printf("constant c      %.13f\n", (double)c);
    printf("year exp(c)     %.11f days\n", exp(c));
    printf("rms residual    %.12e   (of log P)\n", sqrt(squares / n));
    return 0;
}
