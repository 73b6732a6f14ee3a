#include "measure.h"

#include <math.h>

hg_status_t hg_measure(const int16_t *voltage, const int16_t *current, size_t n, hg_scale_t scale,
                       double sampling_rate, double frequency, hg_measurement_t *out)
{
  if (n == 0 || n > 1U << 20 || !(scale.voltage > 0.0 && scale.current > 0.0) ||
      !(frequency > 0.0 && sampling_rate > frequency)) {
    return HG_ERROR_ARGUMENT;
  }
  const long ratio = lrint((double)n * frequency / sampling_rate);
  const size_t cycles = ratio < 1 ? 1 : (size_t)ratio;
  const double step = (double)n / (double)cycles;
  int64_t voltages = 0, currents = 0, powers = 0;
  double largest = 0.0;
  size_t k = 0;
  for (size_t cycle = 0; cycle < cycles; cycle++) {
    const size_t end = cycle + 1 == cycles ? n : (size_t)lrint((double)(cycle + 1) * step);
    const size_t begin = k;
    int64_t square = 0;
    for (; k < end; k++) {
      voltages += (int32_t)voltage[k] * voltage[k];
      powers += (int32_t)voltage[k] * current[k];
      square += (int32_t)current[k] * current[k];
    }
    currents += square;
    const double mean = (double)square / (double)(end - begin);
    largest = mean > largest ? mean : largest;
  }
  const hg_fault_t fault = hg_block_fault(voltage, n);
  *out = (hg_measurement_t){.voltage = scale.voltage * sqrt((double)voltages / (double)n),
                            .current = scale.current * sqrt((double)currents / (double)n),
                            .current_cycle = scale.current * sqrt(largest),
                            .active_power = scale.voltage * scale.current * (double)powers / (double)n,
                            .temperature = (double)NAN,
                            .fault = fault != HG_FAULT_NONE ? fault : hg_block_fault(current, n)};
  return HG_OK;
}

hg_status_t hg_guard_init(hg_guard_t *guard, double instant_current, double current_scale)
{
  const double counts = instant_current / current_scale;
  if (!(counts > 0.0 && counts < 1e6)) {
    return HG_ERROR_ARGUMENT;
  }
  *guard = (hg_guard_t){.limit = (int64_t)ceil(counts * counts * HG_ALIGN_SAMPLES_PER_CYCLE)};
  return HG_OK;
}

bool hg_guard_step(hg_guard_t *guard, int16_t current)
{
  const int32_t old = guard->past[guard->place];
  guard->sum += (int64_t)((int32_t)current * current) - old * old;
  guard->past[guard->place] = current;
  guard->place = (guard->place + 1U) % HG_ALIGN_SAMPLES_PER_CYCLE;
  return guard->sum >= guard->limit;
}
