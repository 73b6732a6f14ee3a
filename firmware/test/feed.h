/* For tests: many samples in one call. */
#include "app.h"

bool feed(struct hg_app *app, const int16_t *voltage, const int16_t *current, size_t n);
