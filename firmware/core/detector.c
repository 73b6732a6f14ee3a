#include "detector.h"

#include <math.h>

#define PI 3.14159265358979323846
#define ONE 1073741824.0 /* 2^30: 2^15 counts times this, summed twice over 128, stays below 2^60 */
#define FIT_DROP 19      /* bits dropped of a fit of at most 32 samples: 31 remain … */
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
  if (cycle > HG_CYCLE_MAX || fabs((double)cycle * s->nominal_frequency - s->sampling_rate) > 1e-6 * s->sampling_rate) {
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
  d->collapsing = 2.0 * s->collapsing * s->collapsing * (double)(1 << AGO_DROP) / d->half;
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
  /* By least squares the amplitude is that of (cosine / cosines, sine / sines): all squares, and more of the cosine. */
  const double fit_scale = (ONE - 1.0) / (double)(1 << FIT_DROP), middle = angle * ((double)d->fit - 1.0) / 2.0;
  d->fit_weights[0] = 1.0 / (sines * sines * fit_scale * fit_scale);
  d->fit_weights[1] = (1.0 / (cosines * cosines * fit_scale * fit_scale) - d->fit_weights[0]) / ONE / ONE;
  for (uint32_t k = 0; k < d->cycle; k++) {
    const double phase = -2.0 * PI * (double)k / (double)d->cycle;
    d->turn[k][0] = (int32_t)lrint(cos(phase) * (ONE - 1.0));
    d->turn[k][1] = (int32_t)lrint(sin(phase) * (ONE - 1.0));
    d->middle[k][0] = (int32_t)lrint(cos(phase + middle) * (ONE - 1.0));
    d->middle[k][1] = (int32_t)lrint(sin(phase + middle) * (ONE - 1.0));
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

/* The place of the sample taken `count` before the one at `at`. */
static uint32_t before(const hg_detector_t *d, uint32_t at, uint32_t count)
{
  return at >= count ? at - count : at + d->cycle - count;
}

/* Whether the amplitude fitted to the last samples has fallen against the RMS value of a cycle ago. The sum that slides
 * is turned to the phase of the fit's middle, where its parts are the fit's. */
static bool collapsed(const hg_detector_t *d, uint32_t newest, int64_t ago)
{
  /* The target converts 32 bits in one instruction, 64 in a call. */
  const double real = (double)(int32_t)(d->fitted[0] / (1 << FIT_DROP));
  const double imaginary = (double)(int32_t)(d->fitted[1] / (1 << FIT_DROP));
  const double cosine = real * (double)d->middle[newest][0] + imaginary * (double)d->middle[newest][1];
  return d->fit_weights[0] * (real * real + imaginary * imaginary) + d->fit_weights[1] * cosine * cosine <
         d->collapsing * (double)(int32_t)(ago / (1 << AGO_DROP));
}

/* Let one part of the phasor, of its mean and of the fit go on by a sample. */
static inline void slide(hg_detector_t *d, size_t part, uint32_t at, int32_t change, int32_t voltage, int32_t unfits,
                         uint32_t unfitted, double now[2], double then[2])
{
  const int32_t turn = d->turn[at][part];
  d->fitted[part] += (int64_t)voltage * turn - (int64_t)unfits * d->turn[unfitted][part];
  d->phasor[part] += (int64_t)change * turn;
  d->mean[part] += d->phasor[part] - d->phasors[at][part];
  d->phasors[at][part] = d->phasor[part];
  const int32_t mean = (int32_t)(d->mean[part] / (1 << MEAN_BITS));
  now[part] = (double)mean;
  then[part] = (double)d->means[at][part];
  d->means[at][part] = mean;
}

/* Sags from the shallowest to the deepest: what is not below one level is not below the next. */
static bool sagged(hg_detector_t *d)
{
  bool late = false;
  size_t k = HG_DETECTOR_SAGS;
  for (; k > 0 && d->square < d->level[k - 1]; k--) {
    late = lasts(&d->sag[k - 1], true, d->sag_time[k - 1]) || late;
  }
  for (; k > 0 && d->sag[k - 1] > 0; k--) {
    d->sag[k - 1] = 0;
  }
  return late;
}

bool hg_detector_step(hg_detector_t *d, int16_t voltage)
{
  const uint32_t at = d->place; /* of the sample a cycle ago, which goes */
  const int32_t leaving = d->past[before(d, at, d->half)];
  const uint32_t unfitted = before(d, at, d->fit);
  const int32_t unfits = d->past[unfitted];
  const int64_t ago = d->squares[at];
  d->square += (int64_t)((int32_t)voltage * voltage) - leaving * leaving;
  d->squares[at] = d->square;
  const int32_t change = (int32_t)voltage - d->past[at];
  d->past[at] = voltage;
  double now[2], then[2];
  slide(d, 0, at, change, voltage, unfits, unfitted, now, then);
  slide(d, 1, at, change, voltage, unfits, unfitted, now, then);
  d->dot = now[0] * then[0] + now[1] * then[1];
  d->cross = now[1] * then[0] - now[0] * then[1];

  const bool seen = d->taken >= d->cycle; /* the first cycle is compared with no real past */
  const bool sagging = d->square * (1 << SAG_BITS) < d->sagging * ago;
  const bool low = seen && (d->square < d->low || (sagging && collapsed(d, at, ago)));
  d->taken = seen ? d->taken : d->taken + 1;
  const bool good = lasts(&d->good, d->square >= d->well, d->clear - 1);
  d->flagged = low || (d->flagged && !good);
  if (sagged(d) && d->evidence == HG_EVIDENCE_NONE) {
    d->evidence = HG_EVIDENCE_SAG;
  }
  if (lasts(&d->astray, is_astray(d), d->astray_time) && d->evidence == HG_EVIDENCE_NONE) {
    d->evidence = HG_EVIDENCE_FREQUENCY;
  }
  d->flagged = d->flagged || d->evidence != HG_EVIDENCE_NONE;
  d->place = at + 1 < d->cycle ? at + 1 : 0;
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
