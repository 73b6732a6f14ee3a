/* Topics and services of an outlet. Written by tools/entities.py from hearthgrid_ros/interfaces.py. */
#ifndef HEARTHGRID_ENTITIES_H
#define HEARTHGRID_ENTITIES_H

typedef enum { HG_SCOPE_HOME = 0, HG_SCOPE_OUTLET, HG_SCOPE_GLOBAL } hg_scope_t;

/* X(constant, package, type, name, scope, reliable, kept for late joiners, depth) */
#define HG_PUBLISHERS(X) \
  X(READINGS, hearthgrid_msgs, Reading, "readings", HG_SCOPE_HOME, 0, 0, 5) \
  X(SIGNATURES, hearthgrid_msgs, Signature, "signatures", HG_SCOPE_HOME, 1, 0, 10) \
  X(WAVEFORMS, hearthgrid_msgs, Waveform, "waveforms", HG_SCOPE_HOME, 0, 0, 5) \
  X(STATES, hearthgrid_msgs, OutletState, "states", HG_SCOPE_HOME, 1, 1, 1) \
  X(RELAYS, hearthgrid_msgs, RelayCommand, "relays", HG_SCOPE_HOME, 1, 1, 1) \
  X(JOBS, hearthgrid_msgs, Job, "jobs", HG_SCOPE_HOME, 1, 1, 1) \
  X(ISLAND, hearthgrid_msgs, IslandMode, "island", HG_SCOPE_HOME, 1, 1, 1) \
  X(BALLOTS, hearthgrid_msgs, Ballot, "ballots", HG_SCOPE_HOME, 0, 0, 5) \
  X(DIAGNOSTICS, diagnostic_msgs, DiagnosticArray, "diagnostics", HG_SCOPE_GLOBAL, 1, 0, 10)

/* Published only while it speaks for itself. */
#define HG_SPOKEN(X) \
  X(IDENTITIES, hearthgrid_msgs, Identity, "identities", HG_SCOPE_HOME, 1, 1, 1)

#define HG_SUBSCRIPTIONS(X) \
  X(REQUEST, hearthgrid_msgs, Request, "request", HG_SCOPE_OUTLET, 1, 0, 8) \
  X(TIE, hearthgrid_msgs, Breaker, "tie", HG_SCOPE_HOME, 1, 1, 1) \
  X(BALLOTS, hearthgrid_msgs, Ballot, "ballots", HG_SCOPE_HOME, 0, 0, 32) \
  X(IDENTITIES, hearthgrid_msgs, Identity, "identities", HG_SCOPE_HOME, 1, 1, 32) \
  X(LABELS, hearthgrid_msgs, Label, "labels", HG_SCOPE_HOME, 1, 0, 32)

/* Where no converter gives samples. */
#define HG_SIMULATED(X) \
  X(ADC, hearthgrid_msgs, Samples, "adc", HG_SCOPE_OUTLET, 1, 0, 20)

/* X(constant, package, type, name, scope) */
#define HG_SERVICES(X) \
  X(GET_SCHEDULE, hearthgrid_msgs, GetSchedule, "get_schedule", HG_SCOPE_OUTLET) \
  X(SET_SCHEDULE, hearthgrid_msgs, SetSchedule, "set_schedule", HG_SCOPE_OUTLET) \
  X(SET_PRIORITY, hearthgrid_msgs, SetPriority, "set_priority", HG_SCOPE_OUTLET) \
  X(RESET_TRIP, hearthgrid_msgs, ResetTrip, "reset_trip", HG_SCOPE_OUTLET) \
  X(CAPTURE_WAVEFORM, hearthgrid_msgs, CaptureWaveform, "capture_waveform", HG_SCOPE_OUTLET)

/* … of an action, whose entities stand below this name */
#define HG_ACTIONS(X) \
  X(RUN_JOB, hearthgrid_msgs, RunJob, "run_job/_action", HG_SCOPE_OUTLET)

#define HG_COUNT_NODES 1
#define HG_COUNT_PUBLISHERS 12
#define HG_COUNT_SUBSCRIPTIONS 5
#define HG_COUNT_SERVICES 8
#define HG_COUNT_CLIENTS 0
#define HG_COUNT_ACTIONS 1
#define HG_COUNT_HISTORY 32

#endif
