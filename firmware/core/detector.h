/* Is the supply gone? Sample by sample on the voltage: a fast flag, and a slow declaration. The same measures as
 * hearthgrid_core.island.detector, as running sums of whole numbers: they are exact and never drift. */
#ifndef HEARTHGRID_DETECTOR_H
#define HEARTHGRID_DETECTOR_H

#include "common.h"

#define HG_CYCLE_MAX 128

typedef enum { HG_EVIDENCE_NONE = 0, HG_EVIDENCE_SAG, HG_EVIDENCE_FREQUENCY } hg_evidence_t;

typedef struct {
  /* What every sample moves stands first: the target reaches it by a short offset. */
  int64_t square, phasor[2], mean[2];
  int64_t fitted[2];                    /* the last samples, turned as the phasor */
  double dot, cross;                    /* of the phasor with that of a cycle ago */
  uint32_t place, taken;                /* taken: at most one cycle */
  uint32_t sag[HG_DETECTOR_SAGS], astray, good; /* for how many samples; held at their limits */
  bool flagged;
  hg_evidence_t evidence;               /* other than none: the outage is declared */
  uint32_t cycle, half, fit, clear;
  uint32_t sag_time[HG_DETECTOR_SAGS], astray_time;
  int64_t level[HG_DETECTOR_SAGS];      /* as half a cycle's sum of squared counts, as the next three */
  int64_t low, well, live;
  int64_t sagging;                      /* of the square a cycle ago, times 2^24 */
  double collapsing;                    /* of the square a cycle ago: as the squared amplitude of a fit */
  double fit_weights[2];                /* of the squares: all of the fit, and its cosine part besides */
  double slow_tangent, fast_tangent;
  int16_t past[HG_CYCLE_MAX];           /* the last cycle */
  int64_t squares[HG_CYCLE_MAX];        /* half a cycle's sum, over the last cycle */
  int32_t turn[HG_CYCLE_MAX][2];        /* of the phasor, times 2^30 */
  int32_t middle[HG_CYCLE_MAX][2];      /* the same, of the middle of a fit whose newest sample is here */
  int32_t means[HG_CYCLE_MAX][2];       /* sums of sums over a cycle, the upper bits */
  int64_t phasors[HG_CYCLE_MAX][2];     /* sums over a cycle */
  double volts;                         /* per count */
  hg_detector_settings_t settings;
} hg_detector_t;

/* voltage_scale: [V/count]. HG_ERROR_RATE: a cycle of nominal frequency is no whole number of samples, or too many. */
hg_status_t hg_detector_init(hg_detector_t *d, const hg_detector_settings_t *settings, double voltage_scale);

/* Take a sample; returns the flag: open the tie. */
bool hg_detector_step(hg_detector_t *d, int16_t voltage);

/* RMS of the last half cycle over nominal [1], and the frequency, NaN = dead [Hz]. */
double hg_detector_rms(const hg_detector_t *d);
double hg_detector_frequency(const hg_detector_t *d);

#endif
