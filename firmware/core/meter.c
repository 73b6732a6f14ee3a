#include "meter.h"

#include <math.h>

#define JOULE_PER_KWH 3.6e6

void hg_phasors(const hg_fft_t *fft, const float *samples, size_t cycles, hg_phasors_t *out)
{
  float sum[HG_ALIGN_SAMPLES_PER_CYCLE], bins[HG_ALIGN_SAMPLES_PER_CYCLE];
  for (size_t k = 0; k < HG_ALIGN_SAMPLES_PER_CYCLE; k++) {
    sum[k] = 0.0F;
    for (size_t cycle = 0; cycle < cycles; cycle++) {
      sum[k] += samples[cycle * HG_ALIGN_SAMPLES_PER_CYCLE + k];
    }
  }
  hg_fft_real(fft, sum, bins);
  const float scale = (float)(sqrt(2.0) / (double)(cycles * HG_ALIGN_SAMPLES_PER_CYCLE));
  for (size_t h = 0; h < HG_ALIGN_SAMPLES_PER_CYCLE / 2; h++) {
    out->real[h] = scale * bins[2 * h];
    out->imaginary[h] = h > 0 ? scale * bins[2 * h + 1] : 0.0F;
  }
}

static double distortion(double square, double fundamental)
{
  const double rest = square / (fundamental * fundamental) - 1.0;
  return sqrt(rest > 0.0 ? rest : 0.0);
}

hg_status_t hg_meter(const hg_fft_t *fft, const hg_aligned_t *a, hg_metering_t *out)
{
  if (a->cycles == 0 || a->cycles > HG_CYCLES_MAX) {
    return HG_ERROR_ARGUMENT;
  }
  hg_phasors_t volts, amps;
  hg_phasors(fft, a->voltage, a->cycles, &volts);
  hg_phasors(fft, a->current, a->cycles, &amps);
  const size_t n = a->cycles * HG_ALIGN_SAMPLES_PER_CYCLE;
  double voltages = 0.0, currents = 0.0, powers = 0.0;
  for (size_t k = 0; k < n; k++) {
    const double v = (double)a->voltage[k], i = (double)a->current[k];
    voltages += v * v;
    currents += i * i;
    powers += v * i;
  }
  voltages /= (double)n;
  currents /= (double)n;
  for (size_t h = 0; h < HG_METERING_HARMONICS; h++) {
    out->harmonics[h] = hypotf(amps.real[h + 1], amps.imaginary[h + 1]);
  }
  const bool loaded = (double)out->harmonics[0] >= HG_METERING_LOAD_MIN;
  out->voltage = sqrt(voltages);
  out->current = sqrt(currents);
  out->active_power = powers / (double)n;
  out->reactive_power = (double)(volts.imaginary[1] * amps.real[1] - volts.real[1] * amps.imaginary[1]);
  out->apparent_power = out->voltage * out->current;
  out->power_factor = loaded ? out->active_power / out->apparent_power : (double)NAN;
  out->frequency = a->frequency;
  out->voltage_thd = distortion(voltages, (double)hypotf(volts.real[1], volts.imaginary[1]));
  out->current_thd = loaded ? distortion(currents, (double)out->harmonics[0]) : (double)NAN;
  return HG_OK;
}

void hg_meter_dead(const hg_measurement_t *m, hg_metering_t *out)
{
  const double none = (double)NAN;
  *out = (hg_metering_t){.voltage = m->voltage, .current = m->current, .active_power = m->active_power,
                         .reactive_power = none, .apparent_power = m->voltage * m->current, .power_factor = none,
                         .frequency = none, .voltage_thd = none, .current_thd = none};
  for (size_t h = 0; h < HG_METERING_HARMONICS; h++) {
    out->harmonics[h] = NAN;
  }
}

hg_status_t hg_energy_add(hg_energy_t *energy, double active_power, double duration)
{
  if (!(isfinite(duration) && duration >= 0.0)) {
    return HG_ERROR_ARGUMENT;
  }
  if (isfinite(active_power) && active_power > 0.0) {
    energy->energy_kwh += active_power * duration / JOULE_PER_KWH;
  }
  return HG_OK;
}
