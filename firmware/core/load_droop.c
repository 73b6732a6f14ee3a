#include "load_droop.h"

#include <math.h>

#define LAST (HG_LOAD_DROOP_BASE - 1)

hg_status_t hg_load_droop_init(hg_load_droop_t *d, const hg_load_droop_settings_t *s)
{
  if (!(true HG_LOAD_DROOP_SETTINGS(HG_WITHIN))) {
    return HG_ERROR_ARGUMENT;
  }
  const double step = 0.5 / s->nominal_frequency, kept = s->filter_time > 0.0 ? exp(-step / s->filter_time) : 0.0;
  *d = (hg_load_droop_t){.settings = *s, .step = step, .lead = kept / (1.0 - kept), .next = -(double)INFINITY,
                         .loud = -(double)INFINITY, .first = (double)NAN, .mean = (double)NAN,
                         .rest = HG_LOAD_DROOP_BASE};
  return HG_OK;
}

/* Power at a voltage over that at nominal: an exponent to STIFF, an impedance below. */
static double drawn(double level, double exponent)
{
  const double below = level < HG_LOAD_DROOP_STIFF ? level / HG_LOAD_DROOP_STIFF : 1.0;
  return pow(level > HG_LOAD_DROOP_STIFF ? level : HG_LOAD_DROOP_STIFF, exponent) * below * below;
}

/* Whether frequency or voltage has just begun to rise. */
static bool relieved(const hg_load_droop_t *d)
{
  const double *f = d->frequency, *v = d->voltage;
  return f[LAST - 1] - f[LAST] < f[LAST - 2] - f[LAST - 1] || v[LAST] > v[LAST - 1] + HG_LOAD_DROOP_HELD / 2.0;
}

/* Overload at the current limit, which leaves this voltage over nominal. */
static double limited(const hg_load_droop_settings_t *s, double level)
{
  return s->surge * level / drawn(level / HG_LOAD_DROOP_FREE, s->exponent) - 1.0;
}

/* Demand at nominal voltage beyond power_max, over power_max; NaN while it cannot be told. */
static double overload(const hg_load_droop_t *d)
{
  const hg_load_droop_settings_t *s = &d->settings;
  const double *f = d->frequency, *v = d->voltage, none = (double)NAN;
  const double moved = v[LAST] - v[LAST - 2];
  if (v[LAST] < s->sag) { /* by the current limit; on the way back from there, the limit is left */
    const bool told = v[LAST] > v[LAST - 1] - HG_LOAD_DROOP_DIGGING && (moved < HG_LOAD_DROOP_HELD || !(d->seen > 0.0));
    return v[LAST] > HG_LOAD_DROOP_DEAD && told ? limited(s, v[LAST]) : none;
  }
  double undone[LAST];
  for (int k = 0; k < LAST; k++) {
    undone[k] = f[k + 1] - d->lead * (f[k] - f[k + 1]);
  }
  double slope = 0.0, over, bend;
  if (s->limit_rate > 0.0) {
    slope = (undone[0] - undone[2]) / 2.0;
    bend = 0.7 * fabs(undone[0] - 2.0 * undone[1] + undone[2]); /* it carries more noise than the slope */
    over = slope / d->step / s->limit_rate;
  } else {
    const double full = s->nominal_frequency * (1.0 - s->droop_frequency);
    bend = fabs(undone[1] - undone[2]);
    over = (full - (undone[1] + undone[2]) / 2.0) / (s->droop_frequency * s->nominal_frequency);
  }
  if (over >= s->trigger) {
    const double part = v[LAST] < HG_LOAD_DROOP_USUAL ? drawn(v[LAST] / HG_LOAD_DROOP_FREE, s->exponent) : 1.0;
    over = (1.0 + over) / part - 1.0;
  }
  const bool straight = d->rest >= HG_LOAD_DROOP_BASE - 2 && bend <= s->bend + HG_LOAD_DROOP_BEND * fabs(slope);
  if (straight && fabs(moved) < HG_LOAD_DROOP_MOVED) {
    return over;
  }
  const bool low = s->limit_rate > 0.0 && fmax(v[LAST], v[LAST - 1]) < HG_LOAD_DROOP_USUAL && !(d->seen > 0.0) &&
                   v[LAST] > v[LAST - 1] - HG_LOAD_DROOP_DIGGING;
  const double steep = HG_LOAD_DROOP_STEEP * s->limit_rate * d->step; /* a step of phase falls once */
  return low && f[LAST - 1] - f[LAST] > steep && f[LAST - 2] - f[LAST - 1] > steep ? limited(s, v[LAST]) : none;
}

static void answer(hg_load_droop_t *d, double now, double over)
{
  d->seen += (over + d->settings.margin) * (1.0 + d->settings.hearsay);
  d->next = now + d->settings.again;
}

bool hg_load_droop_step(hg_load_droop_t *d, double now, double frequency, double voltage, double place, bool armed)
{
  const hg_load_droop_settings_t *s = &d->settings;
  for (int k = 0; k < LAST; k++) {
    d->frequency[k] = d->frequency[k + 1];
    d->voltage[k] = d->voltage[k + 1];
  }
  d->frequency[LAST] = frequency;
  d->voltage[LAST] = voltage / s->nominal_voltage;
  d->looks += d->looks < HG_LOAD_DROOP_BASE;
  const bool full = d->looks == HG_LOAD_DROOP_BASE;
  if (full) { /* a fall that grows: power changed within the last cycle */
    const double *f = d->frequency;
    const double fall = f[LAST - 1] - f[LAST];
    const bool bent = fall - (f[LAST - 2] - f[LAST - 1]) > s->bend + HG_LOAD_DROOP_BEND * fabs(fall);
    d->rest = bent ? 0 : d->rest < HG_LOAD_DROOP_BASE ? d->rest + 1 : d->rest;
  }
  double over = armed && full ? overload(d) : (double)NAN;
  const double first = d->first;
  d->first = (double)NAN;
  if (over >= s->trigger) {
    d->loud = now;
  } else if (now - d->loud > s->calm) {
    d->seen = 0.0;
  }
  d->valid = isnan(over) ? 0 : d->valid < 2 * HG_LOAD_DROOP_SLOW ? d->valid + 1 : d->valid;
  d->mean = d->valid == 1 ? over : d->mean + (over - d->mean) / HG_LOAD_DROOP_SLOW;
  if (now < d->next - 1e-9) {
    return place < d->seen * s->power_max;
  }
  if (first >= s->trigger) { /* one look may be noise, or the begin of something else */
    if (isnan(over) && armed && first >= s->relief * s->trigger && relieved(d)) {
      over = first; /* others act already */
    }
    if (over >= s->trigger) {
      answer(d, now, fmax(over, first));
    }
  } else if (over >= s->trigger) {
    d->first = over;
  } else if (d->valid >= 2 * HG_LOAD_DROOP_SLOW && d->mean >= s->trigger / 3.0) {
    answer(d, now, d->mean);
    d->loud = now;
  }
  return place < d->seen * s->power_max;
}
