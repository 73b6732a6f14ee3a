/* From metered windows to readings of one second, and whether the load has become another.
 * Twin of hearthgrid_core.outlet.capture.mean and waveform.change. */
#ifndef HEARTHGRID_READING_H
#define HEARTHGRID_READING_H

#include "meter.h"
#include "signature.h"

#define HG_READING_TIME 1.0 /* [s] */
#define HG_CHANGE_STEADY 3
#define HG_CHANGE_STEP 4.0      /* smallest change that counts [W], [var] */
#define HG_CHANGE_RELATIVE 0.08 /* … as a share of the apparent power [1] */
#define HG_CHANGE_PATIENCE 10.0 /* a load that moved and never gets steady counts as changed then [s] */

/* Means over `duration` seconds up to `end` (wall) [s]. */
typedef struct {
  double end, duration, energy_kwh, temperature;
  hg_metering_t metering;
} hg_reading_t;

/* A root of a mean of squares or a mean, over the windows where it is known. */
typedef struct {
  double sum;
  uint32_t count;
} hg_mean_t;

typedef struct {
  double duration;
  hg_mean_t voltage, current, active_power, reactive_power, frequency, voltage_thd, current_thd;
  hg_mean_t harmonics[HG_METERING_HARMONICS];
} hg_reading_mean_t;

void hg_reading_clear(hg_reading_mean_t *mean);

/* Take a window of so many seconds in; whether a second is over, and its means. */
bool hg_reading_step(hg_reading_mean_t *mean, const hg_metering_t *metering, double duration, hg_metering_t *out);

typedef struct {
  double state[2], recent[HG_CHANGE_STEADY][2]; /* P [W] and Q1 [var] */
  size_t count;
  double moved_at; /* NaN = it has not [s] */
} hg_change_detector_t;

void hg_change_init(hg_change_detector_t *c);

/* Whether the load has just become steady in another state than before. */
bool hg_change_step(hg_change_detector_t *c, double now, const hg_metering_t *metering);

#endif
