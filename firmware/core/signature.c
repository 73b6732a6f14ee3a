#include "signature.h"

#include <math.h>
#include <string.h>

#define FILTER 8
#define PER_POINT (HG_ALIGN_SAMPLES_PER_CYCLE / HG_SIGNATURE_POINTS)

/* One level of the periodised transform: n samples to n/2 coarse ones; returns the energy of the fine ones. */
static double level(const float *x, size_t n, float *coarse)
{
  static const float LOW[FILTER] = HG_WAVELET_FILTER;
  double energy = 0.0;
  for (size_t k = 0; k < n / 2; k++) {
    float low = 0.0F, high = 0.0F;
    for (size_t tap = 0; tap < FILTER; tap++) {
      const float value = x[(2 * k + FILTER / 2 + n - tap) % n];
      low += LOW[tap] * value;
      high += (tap % 2 != 0 ? LOW[FILTER - 1 - tap] : -LOW[FILTER - 1 - tap]) * value;
    }
    coarse[k] = low;
    energy += (double)high * (double)high;
  }
  return energy;
}

hg_status_t hg_wavelet_shares(hg_wavelet_work_t *work, const float *samples, size_t cycles,
                              float shares[HG_WAVELET_BANDS])
{
  if (cycles == 0 || cycles > HG_CYCLES_MAX) {
    return HG_ERROR_ARGUMENT;
  }
  double energies[HG_WAVELET_BANDS], total = 0.0;
  size_t n = cycles * HG_ALIGN_SAMPLES_PER_CYCLE;
  const float *from = samples;
  for (size_t k = 0; k < HG_WAVELET_LEVELS; k++) {
    float *to = from == work->first ? work->second : work->first;
    energies[HG_WAVELET_LEVELS - k] = level(from, n, to);
    from = to;
    n /= 2;
  }
  energies[0] = 0.0;
  for (size_t k = 0; k < n; k++) {
    energies[0] += (double)from[k] * (double)from[k];
  }
  for (size_t k = 0; k < HG_WAVELET_BANDS; k++) {
    total += energies[k];
  }
  for (size_t k = 0; k < HG_WAVELET_BANDS; k++) {
    shares[k] = total > 0.0 ? (float)(energies[k] / total) : 0.0F;
  }
  return HG_OK;
}

static float mean_cycle(const hg_aligned_t *a, float trajectory[HG_SIGNATURE_POINTS])
{
  float top = 0.0F;
  for (size_t point = 0; point < HG_SIGNATURE_POINTS; point++) {
    float sum = 0.0F;
    for (size_t cycle = 0; cycle < a->cycles; cycle++) {
      for (size_t k = 0; k < PER_POINT; k++) {
        sum += a->current[cycle * HG_ALIGN_SAMPLES_PER_CYCLE + point * PER_POINT + k];
      }
    }
    trajectory[point] = sum / (float)(a->cycles * PER_POINT);
    top = fabsf(trajectory[point]) > top ? fabsf(trajectory[point]) : top;
  }
  return top;
}

hg_status_t hg_signature(const hg_fft_t *fft, hg_wavelet_work_t *work, const hg_aligned_t *a, hg_signature_t *out)
{
  const hg_status_t status = hg_wavelet_shares(work, a->current, a->cycles, out->wavelet_energy);
  if (status != HG_OK) {
    return status;
  }
  hg_phasors_t volts, amps;
  hg_phasors(fft, a->voltage, a->cycles, &volts);
  hg_phasors(fft, a->current, a->cycles, &amps);
  const double size = hypot((double)volts.real[1], (double)volts.imaginary[1]);
  const double c = size > 0.0 ? (double)volts.real[1] / size : 1.0;
  const double s = size > 0.0 ? (double)volts.imaginary[1] / size : 0.0;
  double turn[2] = {1.0, 0.0};
  for (size_t h = 0; h < HG_SIGNATURE_HARMONICS; h++) { /* by minus the voltage's angle, times the harmonic */
    const double next = turn[0] * c + turn[1] * s;
    turn[1] = turn[1] * c - turn[0] * s;
    turn[0] = next;
    const double real = (double)amps.real[h + 1], imaginary = (double)amps.imaginary[h + 1];
    out->real[h] = (float)(real * turn[0] - imaginary * turn[1]);
    out->imaginary[h] = (float)(real * turn[1] + imaginary * turn[0]);
  }
  const size_t n = a->cycles * HG_ALIGN_SAMPLES_PER_CYCLE;
  double voltages = 0.0, currents = 0.0, powers = 0.0, peak = 0.0;
  for (size_t k = 0; k < n; k++) {
    const double v = (double)a->voltage[k], i = (double)a->current[k];
    voltages += v * v;
    currents += i * i;
    powers += v * i;
    peak = fabs(i) > peak ? fabs(i) : peak;
  }
  out->frequency = a->frequency;
  out->voltage = sqrt(voltages / (double)n);
  out->current = sqrt(currents / (double)n);
  out->active_power = powers / (double)n;
  out->reactive_power = -size * (double)out->imaginary[0];
  out->crest_factor = out->current > 0.0 ? peak / out->current : (double)NAN;
  out->inrush_ratio = out->settling_time = (double)NAN;
  const float top = mean_cycle(a, out->trajectory);
  for (size_t point = 0; point < HG_SIGNATURE_POINTS; point++) {
    out->trajectory[point] = top > 0.0F ? out->trajectory[point] / top : 0.0F;
  }
  return HG_OK;
}

static double signed_log(double power)
{
  return copysign(log10(1.0 + fabs(power)), power);
}

static double floored_log(double share)
{
  return log10(share > HG_SIGNATURE_SMALL ? share : HG_SIGNATURE_SMALL);
}

hg_status_t hg_signature_vector(const hg_signature_t *s, double out[HG_SIGNATURE_FEATURES])
{
  double *head = out, *real = out + 9, *imaginary = real + HG_SIGNATURE_HARMONICS - 1;
  double *sizes = imaginary + HG_SIGNATURE_HARMONICS - 1, *wavelet = sizes + HG_SIGNATURE_HARMONICS - 1;
  double *trajectory = wavelet + HG_WAVELET_BANDS;
  const double first = hypot((double)s->real[0], (double)s->imaginary[0]);
  const bool loaded = first >= HG_METERING_LOAD_MIN;
  const double over = loaded ? 1.0 / first : 0.0;
  head[0] = log10(1e-3 + s->current);
  head[1] = signed_log(s->active_power);
  head[2] = signed_log(s->reactive_power);
  head[3] = loaded ? s->active_power / (s->voltage * s->current) : 0.0;
  head[4] = (double)s->real[0] * over;
  head[5] = (double)s->imaginary[0] * over;
  head[6] = loaded && !isnan(s->crest_factor) ? s->crest_factor : 0.0;
  head[7] = s->inrush_ratio > 1.0 ? log10(s->inrush_ratio) : 0.0;
  head[8] = isnan(s->settling_time) ? 0.0 : log10(1.0 + s->settling_time / 0.1);
  for (size_t k = 0; k < HG_SIGNATURE_HARMONICS - 1; k++) {
    const double x = (double)s->real[k + 1] * over, y = (double)s->imaginary[k + 1] * over, size = hypot(x, y);
    const double clip = size > HG_SIGNATURE_RATIO_MAX ? HG_SIGNATURE_RATIO_MAX / size : 1.0;
    real[k] = x * clip;
    imaginary[k] = y * clip;
    sizes[k] = loaded ? floored_log(size) : 0.0;
  }
  for (size_t k = 0; k < HG_WAVELET_BANDS; k++) {
    wavelet[k] = loaded ? floored_log((double)s->wavelet_energy[k]) : 0.0;
  }
  for (size_t k = 0; k < HG_SIGNATURE_POINTS; k++) {
    trajectory[k] = loaded ? (double)s->trajectory[k] : 0.0;
  }
  for (size_t k = 0; k < HG_SIGNATURE_FEATURES; k++) {
    if (!isfinite(out[k])) {
      return HG_ERROR_ARGUMENT;
    }
  }
  return HG_OK;
}
