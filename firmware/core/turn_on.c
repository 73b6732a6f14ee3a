#include "turn_on.h"

#include <math.h>
#include <string.h>

hg_status_t hg_turn_on_init(hg_turn_on_t *t, const hg_turn_on_settings_t *s)
{
  if (!(true HG_TURN_ON_SETTINGS(HG_WITHIN)) || s->current_on <= s->current_off ||
      s->horizon * HG_ALIGN_FREQUENCY_MAX > HG_TURN_ON_CYCLES) {
    return HG_ERROR_ARGUMENT;
  }
  memset(t, 0, sizeof *t);
  t->settings = *s;
  return HG_OK;
}

void hg_turn_on_lost(hg_turn_on_t *t)
{
  t->off_seen = t->on = false;
  t->count = t->newest = 0;
}

/* Take the RMS current of one cycle; `most` are followed. */
static void follow(hg_turn_on_t *t, double rms, size_t most)
{
  if (rms < t->settings.current_off) { /* whatever was on is over */
    hg_turn_on_lost(t);
    t->off_seen = true;
    return;
  }
  if (!t->on) {
    if (!t->off_seen || !(rms > t->settings.current_on)) {
      return;
    }
    t->on = true;
    t->largest = 0.0;
  }
  if (t->count < most) {
    t->since[t->count++] = (float)rms;
    t->largest = fmax(t->largest, rms);
  }
  if (t->newest == HG_TURN_ON_NOW_CYCLES) {
    t->newest--;
    memmove(t->now, t->now + 1, t->newest * sizeof t->now[0]);
  }
  t->now[t->newest++] = rms;
}

hg_status_t hg_turn_on_step(hg_turn_on_t *t, const int16_t *current, size_t n, double scale, double sampling_rate,
                            double frequency)
{
  if (n == 0 || n > 1U << 20 || !(scale > 0.0 && scale < 1e3) || !(frequency > 0.0 && frequency < sampling_rate) ||
      !(sampling_rate <= 1e6)) {
    return HG_ERROR_ARGUMENT;
  }
  const long ratio = lrint((double)n * frequency / sampling_rate);
  const size_t cycles = ratio < 1 ? 1 : (size_t)ratio;
  const double step = (double)n / (double)cycles;
  t->length = (double)n / sampling_rate / (double)cycles;
  const double most = t->settings.horizon / t->length;
  const size_t room = most < HG_TURN_ON_CYCLES ? (size_t)most : HG_TURN_ON_CYCLES;
  size_t k = 0;
  for (size_t cycle = 0; cycle < cycles; cycle++) {
    const size_t begin = k, end = cycle + 1 == cycles ? n : (size_t)lrint((double)(cycle + 1) * step);
    int64_t square = 0;
    for (; k < end; k++) {
      square += (int32_t)current[k] * current[k];
    }
    follow(t, scale * sqrt((double)square / (double)(end - begin)), room);
  }
  return HG_OK;
}

void hg_turn_on_result(const hg_turn_on_t *t, double *inrush_ratio, double *settling_time)
{
  *inrush_ratio = *settling_time = (double)NAN;
  if (!t->on) {
    return;
  }
  double sum = 0.0;
  for (size_t k = 0; k < t->newest; k++) {
    sum += t->now[k] * t->now[k];
  }
  const double now = sqrt(sum / (double)t->newest), near = fmax(HG_TURN_ON_SETTLED * now, t->settings.current_off);
  size_t astray = t->count;
  while (astray > 0 && !(fabs((double)t->since[astray - 1] - now) > near)) {
    astray--;
  }
  *inrush_ratio = fmax(1.0, t->largest / now);
  *settling_time = (double)astray * t->length;
}
