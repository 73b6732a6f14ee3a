#include "detector.h"

#include <math.h>

#define PI 3.14159265358979323846
#define ONE 1073741824.0 /* 2^30: 2^15 counts times this, summed twice over 128, stays below 2^60 */
#define FIT_ONE 536870912.0 /* 2^29: the weights stay below two from 1 kHz on */
#define FIT_DROP 15       /* bits dropped of a fit: 2^15 counts times 2^29, doubled, leave 31 … */
#define AGO_DROP 6        /* … and of a sum of 64 squares */
#define SAG_BITS 24      /* of a share of squares: 64 times 2^30 times this stays below 2^61 */
#define MEAN_BITS 29     /* dropped of the sums before they are multiplied: 30 remain */

/* The sum of squared counts over half a cycle of a share of nominal voltage: below it is below the share. */
static int64_t squares_at(const hg_detector_t *d, double share)
{
  const double counts = share * d->settings.nominal_voltage / d->volts, most = 4e18;
  const double squares = ceil(counts * counts * d->half);
  return squares < most ? (int64_t)squares : (int64_t)most;
}

hg_status_t hg_detector_init(hg_detector_t *d, const hg_detector_settings_t *s, double voltage_scale)
{
  static const double SAGS[HG_DETECTOR_SAGS][2] = HG_DETECTOR_SAG_TABLE;
  if (!(true HG_DETECTOR_SETTINGS(HG_WITHIN)) || s->low >= s->well || !(voltage_scale > 0.0 && voltage_scale < 1e3)) {
    return HG_ERROR_ARGUMENT;
  }
  const long cycle = lrint(s->sampling_rate / s->nominal_frequency);
  if (cycle > HG_CYCLE_MAX) {
    return HG_ERROR_RATE;
  }
  *d = (hg_detector_t){.settings = *s, .volts = voltage_scale, .cycle = (uint32_t)cycle};
  d->half = d->cycle / 2;
  d->fit = d->cycle / 5 > 6 ? d->cycle / 5 : 6;
  const long clear = lrint(s->clear_time * s->sampling_rate);
  d->good = d->clear = clear > 1 ? (uint32_t)clear : 1;
  for (size_t k = 0; k < HG_DETECTOR_SAGS; k++) {
    d->level[k] = squares_at(d, SAGS[k][0]);
    d->sag_time[k] = (uint32_t)lrint(SAGS[k][1] * s->sampling_rate);
  }
  d->low = squares_at(d, s->low);
  d->well = squares_at(d, s->well);
  d->live = squares_at(d, HG_DETECTOR_LIVE);
  const double fit_scale = FIT_ONE / (double)(1 << FIT_DROP);
  d->collapsing = 2.0 * s->collapsing * s->collapsing * fit_scale * fit_scale * (double)(1 << AGO_DROP) / d->half;
  d->sagging = (int64_t)ceil(s->sagging * s->sagging * (double)(1 << SAG_BITS));
  d->astray_time = (uint32_t)lrint(HG_DETECTOR_FREQUENCY_TIME * s->sampling_rate);
  /* A frequency is told by the turn over one cycle: compared by tangents, without an arc tangent a sample. */
  const double unit = s->sampling_rate / (double)d->cycle / s->nominal_frequency;
  d->slow_tangent = tan(2.0 * PI * (HG_DETECTOR_FREQUENCY_MIN / unit - 1.0));
  d->fast_tangent = tan(2.0 * PI * (HG_DETECTOR_FREQUENCY_MAX / unit - 1.0));
  const double angle = 2.0 * PI * s->nominal_frequency / s->sampling_rate;
  double cosines = 0.0, sines = 0.0;
  for (uint32_t k = 0; k < d->fit; k++) {
    const double phase = angle * ((double)k - ((double)d->fit - 1.0) / 2.0);
    cosines += cos(phase) * cos(phase);
    sines += sin(phase) * sin(phase);
  }
  for (uint32_t k = 0; k < d->fit; k++) {
    const double phase = angle * ((double)k - ((double)d->fit - 1.0) / 2.0);
    d->fit_weights[k][0] = (int32_t)lrint(cos(phase) / cosines * FIT_ONE);
    d->fit_weights[k][1] = (int32_t)lrint(sin(phase) / sines * FIT_ONE);
  }
  for (uint32_t k = 0; k < d->cycle; k++) {
    const double phase = -2.0 * PI * (double)k / (double)d->cycle;
    d->turn[k][0] = (int32_t)lrint(cos(phase) * (ONE - 1.0));
    d->turn[k][1] = (int32_t)lrint(sin(phase) * (ONE - 1.0));
  }
  return HG_OK;
}

static bool is_astray(const hg_detector_t *d)
{
  if (d->square < d->live) {
    return false;
  }
  if (d->dot > 0.0) {
    return d->cross < d->slow_tangent * d->dot || d->cross > d->fast_tangent * d->dot;
  }
  return d->dot < 0.0 || d->cross < 0.0 || d->cross > 0.0; /* all zero: no turn to speak of */
}

/* Count for how many samples something holds, up to just past a limit; whether it has for longer than the limit. */
static bool lasts(uint32_t *count, bool holds, uint32_t limit)
{
  *count = !holds ? 0 : *count > limit ? *count : *count + 1;
  return *count > limit;
}

static void correlate(const int32_t weights[][2], const int16_t *samples, uint32_t n, int64_t sums[2])
{
  int64_t cosine = sums[0], sine = sums[1];
  for (uint32_t k = 0; k < n; k++) {
    cosine += (int64_t)weights[k][0] * samples[k];
    sine += (int64_t)weights[k][1] * samples[k];
  }
  sums[0] = cosine;
  sums[1] = sine;
}

/* Whether the amplitude fitted to the last samples has fallen against the RMS value of a cycle ago. */
static bool collapsed(const hg_detector_t *d, int64_t ago)
{
  int64_t sums[2] = {0, 0};
  const uint32_t oldest = (d->place + d->cycle - d->fit + 1) % d->cycle; /* the newest sample is at `place` */
  const uint32_t first = oldest + d->fit > d->cycle ? d->cycle - oldest : d->fit;
  correlate(d->fit_weights, d->past + oldest, first, sums);
  correlate(d->fit_weights + first, d->past, d->fit - first, sums);
  /* The target converts 32 bits in one instruction, 64 in a call. */
  const double cosine = (double)(int32_t)(sums[0] / (1 << FIT_DROP));
  const double sine = (double)(int32_t)(sums[1] / (1 << FIT_DROP));
  return cosine * cosine + sine * sine < d->collapsing * (double)(int32_t)(ago / (1 << AGO_DROP));
}

bool hg_detector_step(hg_detector_t *d, int16_t voltage)
{
  const uint32_t at = d->place; /* of the sample a cycle ago, which goes */
  const int32_t leaving = d->past[(at + d->cycle - d->half) % d->cycle];
  const int64_t ago = d->squares[at];
  d->square += (int64_t)((int32_t)voltage * voltage) - leaving * leaving;
  d->squares[at] = d->square;
  const int32_t change = (int32_t)voltage - d->past[at];
  d->past[at] = voltage;
  double now[2], then[2];
  for (size_t part = 0; part < 2; part++) {
    d->phasor[part] += (int64_t)change * d->turn[at][part];
    d->mean[part] += d->phasor[part] - d->phasors[at][part];
    d->phasors[at][part] = d->phasor[part];
    now[part] = (double)(int32_t)(d->mean[part] / (1 << MEAN_BITS));
    then[part] = (double)(int32_t)(d->means[at][part] / (1 << MEAN_BITS));
    d->means[at][part] = d->mean[part];
  }
  d->dot = now[0] * then[0] + now[1] * then[1];
  d->cross = now[1] * then[0] - now[0] * then[1];

  const bool seen = d->taken >= d->cycle; /* the first cycle is compared with no real past */
  const bool sagging = d->square * (1 << SAG_BITS) < d->sagging * ago;
  const bool low = seen && (d->square < d->low || (sagging && collapsed(d, ago)));
  d->taken = seen ? d->taken : d->taken + 1;
  const bool good = lasts(&d->good, d->square >= d->well, d->clear - 1);
  d->flagged = low || (d->flagged && !good);
  for (size_t k = 0; k < HG_DETECTOR_SAGS; k++) {
    if (lasts(&d->sag[k], d->square < d->level[k], d->sag_time[k]) && d->evidence == HG_EVIDENCE_NONE) {
      d->evidence = HG_EVIDENCE_SAG;
    }
  }
  if (lasts(&d->astray, is_astray(d), d->astray_time) && d->evidence == HG_EVIDENCE_NONE) {
    d->evidence = HG_EVIDENCE_FREQUENCY;
  }
  d->flagged = d->flagged || d->evidence != HG_EVIDENCE_NONE;
  d->place = (at + 1) % d->cycle;
  return d->flagged;
}

double hg_detector_rms(const hg_detector_t *d)
{
  return sqrt((double)d->square / (double)d->half) * d->volts / d->settings.nominal_voltage;
}

double hg_detector_frequency(const hg_detector_t *d)
{
  if (d->square < d->live) {
    return (double)NAN;
  }
  return d->settings.sampling_rate / (double)d->cycle * (1.0 + atan2(d->cross, d->dot) / (2.0 * PI));
}
