/* What protection sees: a block's RMS values, and in the interrupt the RMS current of the last cycle.
 * Twin of the measurement in hearthgrid_core.outlet.capture and of waveform.turn_on.cycle_rms. */
#ifndef HEARTHGRID_MEASURE_H
#define HEARTHGRID_MEASURE_H

#include "protection.h"

typedef struct {
  double voltage, current; /* [V/count], [A/count] */
} hg_scale_t;

/* A block of converter counts (n,) as a measurement; temperature is left NaN. frequency: of the mains [Hz] */
hg_status_t hg_measure(const int16_t *voltage, const int16_t *current, size_t n, hg_scale_t scale,
                       double sampling_rate, double frequency, hg_measurement_t *out);

/* The short-circuit guard of the interrupt: exact sums, no drift. */
typedef struct {
  int16_t past[HG_ALIGN_SAMPLES_PER_CYCLE];
  uint32_t place;
  int64_t sum, limit; /* of squared counts over one cycle */
} hg_guard_t;

hg_status_t hg_guard_init(hg_guard_t *guard, double instant_current, double current_scale);

/* Take a sample; whether the RMS current of the last 128 has reached the limit. */
bool hg_guard_step(hg_guard_t *guard, int16_t current);

#endif
