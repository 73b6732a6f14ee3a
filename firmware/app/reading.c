#include "reading.h"

#include <math.h>
#include <string.h>

static void add(hg_mean_t *mean, double value)
{
  if (!isnan(value)) {
    mean->sum += value;
    mean->count++;
  }
}

static double taken(const hg_mean_t *mean) { return mean->count > 0 ? mean->sum / mean->count : (double)NAN; }

void hg_reading_clear(hg_reading_mean_t *mean) { memset(mean, 0, sizeof *mean); }

bool hg_reading_step(hg_reading_mean_t *m, const hg_metering_t *w, double duration, hg_metering_t *out)
{
  m->duration += duration;
  add(&m->voltage, w->voltage * w->voltage);
  add(&m->current, w->current * w->current);
  add(&m->active_power, w->active_power);
  add(&m->reactive_power, w->reactive_power);
  add(&m->frequency, w->frequency);
  add(&m->voltage_thd, w->voltage_thd * w->voltage_thd);
  add(&m->current_thd, w->current_thd * w->current_thd);
  for (size_t k = 0; k < HG_METERING_HARMONICS; k++) {
    add(&m->harmonics[k], (double)w->harmonics[k] * (double)w->harmonics[k]);
  }
  if (m->duration < HG_READING_TIME - 1e-6) {
    return false;
  }
  const double voltage = sqrt(taken(&m->voltage)), current = sqrt(taken(&m->current));
  const double active = taken(&m->active_power), apparent = voltage * current;
  *out = (hg_metering_t){.voltage = voltage, .current = current, .active_power = active, .apparent_power = apparent,
                         .reactive_power = taken(&m->reactive_power), .frequency = taken(&m->frequency),
                         .voltage_thd = sqrt(taken(&m->voltage_thd)), .current_thd = sqrt(taken(&m->current_thd))};
  out->power_factor = current >= HG_METERING_LOAD_MIN && voltage > 0.0 ? active / apparent : (double)NAN;
  for (size_t k = 0; k < HG_METERING_HARMONICS; k++) {
    out->harmonics[k] = (float)sqrt(taken(&m->harmonics[k]));
  }
  hg_reading_clear(m);
  return true;
}

void hg_change_init(hg_change_detector_t *c) { *c = (hg_change_detector_t){.moved_at = (double)NAN}; }

static bool steady(const hg_change_detector_t *c, double band)
{
  for (size_t axis = 0; axis < 2; axis++) {
    double low = c->recent[0][axis], high = low;
    for (size_t k = 1; k < HG_CHANGE_STEADY; k++) {
      low = fmin(low, c->recent[k][axis]);
      high = fmax(high, c->recent[k][axis]);
    }
    if (high - low > band) {
      return false;
    }
  }
  return c->count == HG_CHANGE_STEADY;
}

bool hg_change_step(hg_change_detector_t *c, double now, const hg_metering_t *w)
{
  const double power[2] = {w->active_power, w->reactive_power};
  if (!isfinite(power[0]) || !isfinite(power[1])) {
    c->count = 0;
    c->moved_at = (double)NAN;
    return false;
  }
  if (c->count == HG_CHANGE_STEADY) {
    memmove(c->recent[0], c->recent[1], sizeof c->recent - sizeof c->recent[0]);
    c->count--;
  }
  memcpy(c->recent[c->count++], power, sizeof power);
  const double band = fmax(HG_CHANGE_STEP, HG_CHANGE_RELATIVE * w->apparent_power);
  if (fabs(power[0] - c->state[0]) <= band && fabs(power[1] - c->state[1]) <= band) {
    c->moved_at = (double)NAN;
    return false;
  }
  if (isnan(c->moved_at)) {
    c->moved_at = now;
  }
  if (!steady(c, band) && now - c->moved_at < HG_CHANGE_PATIENCE) {
    return false;
  }
  c->state[0] = c->state[1] = 0.0;
  for (size_t k = 0; k < c->count; k++) {
    c->state[0] += c->recent[k][0] / (double)c->count;
    c->state[1] += c->recent[k][1] / (double)c->count;
  }
  c->moved_at = (double)NAN;
  return true;
}
