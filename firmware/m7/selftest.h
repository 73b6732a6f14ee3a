/* One outlet's memory, what its tasks do with it, and a test of both. */
#ifndef HEARTHGRID_SELFTEST_H
#define HEARTHGRID_SELFTEST_H

#include "detector.h"
#include "election.h"
#include "job.h"
#include "journal.h"
#include "kept.h"
#include "load_droop.h"
#include "prototypes.h"
#include "relay.h"
#include "requests.h"
#include "ring.h"
#include "schedule.h"
#include "signature.h"
#include "turn_on.h"
#include "view.h"

typedef struct {
  hg_ring_t ring;
  hg_guard_t guard;
  hg_detector_t detector;
  hg_protection_t protection;
  hg_relay_t relay;
  hg_cap_t cap;
  hg_requests_t requests;
  hg_load_droop_t load_droop;
  hg_directory_t directory;
  hg_election_t election;
  hg_event_t event;
  hg_actions_t actions;
  uint32_t chance;
  uint8_t kept[HG_KEPT_BYTES];
  hg_schedule_t schedule;
  hg_job_book_t jobs;
  hg_turn_on_t turn_on;
  hg_fft_t fft;
  hg_wavelet_work_t wavelet;
  hg_aligned_t aligned;
  hg_metering_t metering;
  hg_signature_t signature;
  hg_prototypes_t prototypes;
  double vector[HG_SIGNATURE_FEATURES], view[HG_VIEW_FEATURES];
  int16_t voltage[HG_WINDOW_MAX], current[HG_WINDOW_MAX];
  uint8_t key[32];
} hg_outlet_t;

hg_status_t outlet_init(hg_outlet_t *o);

/* What the converter's interrupt does; whether the supply is flagged. */
bool outlet_sample(hg_outlet_t *o, int16_t voltage, int16_t current);

/* What the analysis task does with each window of ten cycles. */
hg_status_t outlet_window(hg_outlet_t *o);

/* What the control task does with a word of the election: takes it in, and writes what is to be kept. */
hg_status_t outlet_vote(hg_outlet_t *o, double now, const hg_event_t *event);

/* Returns how many checks failed. */
int selftest(hg_outlet_t *o);

/* The port's output. */
void say(const char *text);

#endif
