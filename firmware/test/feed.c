#include "feed.h"

bool feed(struct hg_app *app, const int16_t *voltage, const int16_t *current, size_t n)
{
  bool open = false;
  for (size_t k = 0; k < n; k++) {
    open = hg_app_sample(app, voltage[k], current[k]) || open;
  }
  return open;
}
