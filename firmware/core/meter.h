/* Metering to the single-phase definitions of IEEE 1459-2010. Twin of hearthgrid_core.waveform.metering. */
#ifndef HEARTHGRID_METER_H
#define HEARTHGRID_METER_H

#include "align.h"
#include "fft.h"

/* What one window measures. A quantity that is not defined is NaN. */
typedef struct {
  double voltage, current;       /* RMS over everything [V], [A] */
  double active_power;           /* positive when the appliance draws [W] */
  double reactive_power;         /* of the fundamental, positive when the current lags [var] */
  double apparent_power;         /* [VA] */
  double power_factor;           /* [1] */
  double frequency;              /* [Hz] */
  double voltage_thd, current_thd; /* everything but the fundamental over the fundamental [1] */
  float harmonics[HG_METERING_HARMONICS]; /* RMS current of harmonic 1, 2, ... [A] */
} hg_metering_t;

/* Complex RMS of harmonics 0 ... 63 of whole cycles: the transform of their sum, as nobody asks for bins between. */
typedef struct {
  float real[HG_ALIGN_SAMPLES_PER_CYCLE / 2], imaginary[HG_ALIGN_SAMPLES_PER_CYCLE / 2];
} hg_phasors_t;

void hg_phasors(const hg_fft_t *fft, const float *samples, size_t cycles, hg_phasors_t *out);

hg_status_t hg_meter(const hg_fft_t *fft, const hg_aligned_t *aligned, hg_metering_t *out);

/* No mains: RMS values and mean power, NaN for what needs a fundamental. */
void hg_meter_dead(const hg_measurement_t *measured, hg_metering_t *out);

/* The energy drawn: it never falls. Power that was not measured (NaN) or flows back counts nothing. */
typedef struct { double energy_kwh; } hg_energy_t;

hg_status_t hg_energy_add(hg_energy_t *energy, double active_power, double duration);

#endif
