/* Numbers shared with hearthgrid_core. Written by tools/constants.py: change the Python side. */
#ifndef HEARTHGRID_CONSTANTS_H
#define HEARTHGRID_CONSTANTS_H

#define HG_CONVERTER_FULL_SCALE 32767
#define HG_CONVERTER_CLIPPED_SHARE 0.01
#define HG_CONVERTER_STUCK_COUNTS 64
#define HG_ALIGN_SAMPLES_PER_CYCLE 128
#define HG_ALIGN_FREQUENCY_MIN 42.5
#define HG_ALIGN_FREQUENCY_MAX 69.0
#define HG_ALIGN_MAINS_MIN 12.0
#define HG_ALIGN_CYCLES_MIN 2.9
#define HG_ALIGN_TAPS 16
#define HG_ALIGN_REACH 7
#define HG_ALIGN_PHASES 2048
#define HG_ALIGN_SHARPNESS 8.0
#define HG_METERING_HARMONICS 40
#define HG_METERING_LOAD_MIN 0.005
#define HG_SIGNATURE_VERSION 1
#define HG_SIGNATURE_HARMONICS 21
#define HG_SIGNATURE_POINTS 64
#define HG_SIGNATURE_FEATURES 139
#define HG_SIGNATURE_SMALL 0.001
#define HG_SIGNATURE_RATIO_MAX 3.0
#define HG_WAVELET_LEVELS 5
#define HG_WAVELET_BANDS 6
#define HG_RELAY_HOUR 3600.0
#define HG_REQUEST_SENDERS 16
#define HG_AUTHENTIC_MAC_BYTES 16
#define HG_PERMIT_CALL 6
#define HG_PERMIT_FUTURE 2.0
#define HG_PERMIT_AGE 10.0
#define HG_PERMIT_LENGTH 69
#define HG_DETECTOR_FREQUENCY_MIN 0.9416666666666667
#define HG_DETECTOR_FREQUENCY_MAX 1.0333333333333334
#define HG_DETECTOR_FREQUENCY_TIME 0.16
#define HG_DETECTOR_LIVE 0.2
#define HG_LOAD_DROOP_BASE 4
#define HG_LOAD_DROOP_DEAD 0.1
#define HG_LOAD_DROOP_HELD 0.004
#define HG_LOAD_DROOP_DIGGING 0.025
#define HG_LOAD_DROOP_MOVED 0.01
#define HG_LOAD_DROOP_BEND 0.1
#define HG_LOAD_DROOP_SLOW 8
#define HG_LOAD_DROOP_USUAL 0.98
#define HG_LOAD_DROOP_FREE 0.99
#define HG_LOAD_DROOP_STEEP 0.4
#define HG_LOAD_DROOP_STIFF 0.8
#define HG_VIEW_CURRENT_SCALE 0.02
#define HG_PROTOTYPES_VERSION 2
#define HG_PROTOTYPES_NAME_LENGTH 113
#define HG_PROTOTYPES_PER_NAME 8
#define HG_PROTOTYPES_NEAR 3.0
#define HG_PROTOTYPES_SURE 1.5
#define HG_PROTOTYPES_MARGIN 2.0
#define HG_PROTOTYPES_SAME 0.7
#define HG_PROTOTYPES_CLAIM 1.0
#define HG_PROTOTYPES_COUNT_MAX 50
#define HG_OWN_BOOK_MAX 10500
#define HG_OWN_UNDO_MAX 10500
#define HG_OWN_LESSONS 8
#define HG_OWN_LOOKS 8
#define HG_OWN_SAME_TIME 0.001
#define HG_OWN_AGAIN 1.0
#define HG_OWN_BIAS 7.0
#define HG_OWN_SLOPE 4.0
#define HG_HOUSEHOLD_POWER_MAX 100000.0
#define HG_IDENTIFIER_CANDIDATES 5
#define HG_COMMITTEE_SIZE_MAX 7
#define HG_ELECTION_PASSED 64
#define HG_SCHEDULE_DAY 1440
#define HG_SCHEDULE_ENTRIES 32
#define HG_JOB_JOULES_A_KWH 3600000.0
#define HG_JOB_BOOK_IDLE_SHARE 0.05
#define HG_JOB_BOOK_REST 0.001
#define HG_JOB_BOOK_REST_SHARE 0.02
#define HG_TURN_ON_NOW_CYCLES 5
#define HG_TURN_ON_SETTLED 0.1
#define HG_VIEW_FEATURES 49
#define HG_TEMPERATURE_MIN (-40.0)
#define HG_TEMPERATURE_MAX 200.0
#define HG_AUTHENTIC_LABEL "hearthgrid request 2"
#define HG_RELAY_LABEL "hearthgrid relay 1"
#define HG_PERMIT_LABEL "hearthgrid call 1"
#define HG_PERMIT_WORD "call "
#define HG_PERMIT_NONE "no signed word permits this call"
#define HG_BALLOT_LABEL "hearthgrid ballot 1"
#define HG_OWN_SPEAKER "outlet"
#define HG_OWN_RECIPE "outlet 1, signature 1"
#define HG_OWN_NOISE {0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.2F, 0.1F, 0.1F, 0.1F, 0.1F, 0.03F, 0.03F, 0.03F}
#define HG_TEXT_TYPE 48
#define HG_TEXT_MODEL 64
#define HG_BAND_ON 1.0
#define HG_TERM_MAX 2147483648U
#define HG_MODE_MAX 8
#define HG_DETECTOR_SAGS 4
#define HG_DETECTOR_SAG_TABLE {{0.1, 0.02}, {0.5, 1.05}, {0.7, 10.5}, {0.88, 21.0}}
#define HG_WAVELET_FILTER {-0.010597401785069032f, 0.0328830116668852f, 0.030841381835560764f, -0.18703481171909309f, -0.027983769416859854f, 0.6308807679298589f, 0.7148465705529157f, 0.2303778133088965f}

typedef enum {
  HG_TRIP_NONE = 0,
  HG_TRIP_OVERCURRENT = 1,
  HG_TRIP_OVERTEMPERATURE = 2,
  HG_TRIP_SENSOR = 3,
} hg_trip_t;

typedef enum {
  HG_VOICE_UNKNOWN = 0,
  HG_VOICE_PLAN = 1,
  HG_VOICE_PERSON = 2,
  HG_VOICE_GRID_SERVICE = 3,
  HG_VOICE_ISLAND = 4,
  HG_VOICE_PROTECTION = 5,
} hg_voice_t;

typedef enum {
  HG_REFUSAL_NONE = 0,
  HG_REFUSAL_UNSIGNED = 1,
  HG_REFUSAL_FORGED = 2,
  HG_REFUSAL_VOICE_PROTECTION = 3,
  HG_REFUSAL_VOICE_UNKNOWN = 4,
  HG_REFUSAL_NOT_A_NUMBER = 5,
  HG_REFUSAL_NO_BAND = 6,
  HG_REFUSAL_FUTURE = 7,
  HG_REFUSAL_EXPIRED = 8,
  HG_REFUSAL_STALE = 9,
  HG_REFUSAL_TOO_LONG = 10,
  HG_REFUSAL_FENCED = 11,
  HG_REFUSAL_REPLAYED = 12,
  HG_REFUSAL_RAISES = 13,
  HG_REFUSAL_CROWDED = 14,
} hg_refusal_t;

typedef enum {
  HG_ROLE_OBSERVER = 0,
  HG_ROLE_FOLLOWER = 1,
  HG_ROLE_PRE_CANDIDATE = 2,
  HG_ROLE_CANDIDATE = 3,
  HG_ROLE_LEADER = 4,
} hg_role_t;

typedef enum {
  HG_KIND_UNKNOWN = 0,
  HG_KIND_PRE_VOTE = 1,
  HG_KIND_PRE_VOTE_REPLY = 2,
  HG_KIND_VOTE = 3,
  HG_KIND_VOTE_REPLY = 4,
  HG_KIND_HEARTBEAT = 5,
  HG_KIND_HEARTBEAT_REPLY = 6,
  HG_KIND_RECALL = 7,
  HG_KIND_RECALL_REPLY = 8,
  HG_KIND_PROVISIONAL = 9,
} hg_kind_t;

typedef enum {
  HG_JOB_STATUS_UNKNOWN = 0,
  HG_JOB_STATUS_WAITING = 1,
  HG_JOB_STATUS_RUNNING = 2,
  HG_JOB_STATUS_DONE = 3,
  HG_JOB_STATUS_MISSED = 4,
  HG_JOB_STATUS_CANCELLED = 5,
} hg_job_status_t;

typedef enum {
  HG_IDENTITY_UNKNOWN = 0,
  HG_IDENTITY_OFF = 1,
  HG_IDENTITY_KNOWN = 2,
  HG_IDENTITY_NAMED = 3,
} hg_identity_t;

/* When an outlet trips. */
#define HG_PROTECTION_SETTINGS(X) \
  X(double, current_rating, 20.0, 1.0, 63.0) \
  X(double, thermal_factor, 1.05, 1.0, 2.0) \
  X(double, thermal_time, 120.0, 1.0, 7200.0) \
  X(double, thermal_reset, 0.6, 0.05, 0.95) \
  X(double, instant_current, 60.0, 1.0, 1000.0) \
  X(double, temperature_max, 80.0, 30.0, 150.0) \
  X(double, temperature_reset, 60.0, 0.0, 150.0) \
  X(double, temperature_time, 1.0, 0.0, 60.0) \
  X(double, sensor_time, 2.0, 0.2, 60.0)

/* How often a relay may move. Give compressors 60 s on and 300 s off. */
#define HG_RELAY_SETTINGS(X) \
  X(double, minimum_on_time, 2.0, 0.0, 3600.0) \
  X(double, minimum_off_time, 2.0, 0.0, 3600.0) \
  X(int, switchings_max, 120, 2, 3600) \
  X(bool, throttleable, false, 0, 1) \
  X(double, cap_time, 5.0, 0.0, 600.0)

/* Which requests an outlet believes. */
#define HG_REQUEST_SETTINGS(X) \
  X(double, request_future_max, 2.0, 0.0, 60.0) \
  X(double, request_age_max, 10.0, 0.1, 600.0) \
  X(double, plan_validity_max, 86400.0, 1.0, 604800.0) \
  X(double, person_validity_max, 2678400.0, 1.0, 31622400.0) \
  X(double, grid_validity_max, 86400.0, 1.0, 604800.0) \
  X(double, island_validity_max, 3600.0, 1.0, 86400.0)

/* What is low, and when it is well again. */
#define HG_DETECTOR_SETTINGS(X) \
  X(double, nominal_voltage, 230.0, 90.0, 260.0) \
  X(double, nominal_frequency, 50.0, 45.0, 65.0) \
  X(double, sampling_rate, 6400.0, 1000.0, 100000.0) \
  X(double, low, 0.75, 0.5, 0.9) \
  X(double, sagging, 0.96, 0.5, 1.0) \
  X(double, collapsing, 0.62, 0.3, 0.9) \
  X(double, well, 0.88, 0.5, 1.0) \
  X(double, clear_time, 0.1, 0.0, 10.0)

/* What the island's inverters do in an overload, as commissioned, and how a load reads it. */
#define HG_LOAD_DROOP_SETTINGS(X) \
  X(double, power_max, 4000.0, 1.0, 10000000.0) \
  X(double, nominal_voltage, 230.0, 90.0, 260.0) \
  X(double, nominal_frequency, 50.0, 45.0, 65.0) \
  X(double, droop_frequency, 0.01, 0.001, 0.05) \
  X(double, limit_rate, 10.0, 0.0, 200.0) \
  X(double, filter_time, 0.01, 0.0, 1.0) \
  X(double, surge, 2.0, 1.0, 5.0) \
  X(double, exponent, 1.6, 0.0, 2.0) \
  X(double, sag, 0.92, 0.3, 0.95) \
  X(double, trigger, 0.06, 0.01, 0.5) \
  X(double, relief, 1.0, 1.0, 100.0) \
  X(double, margin, 0.07, 0.0, 0.5) \
  X(double, hearsay, 0.05, 0.0, 0.5) \
  X(double, bend, 0.01, 0.0, 1.0) \
  X(double, again, 0.09, 0.02, 5.0) \
  X(double, calm, 2.0, 0.1, 600.0)

/* Times of the election. All members of a zone must agree on `timeout` and `drift`: leases rest on them. */
#define HG_ELECTION_SETTINGS(X) \
  X(double, heartbeat, 0.05, 0.005, 5.0) \
  X(double, timeout, 0.15, 0.015, 60.0) \
  X(double, spread, 0.15, 0.0, 60.0) \
  X(double, drift, 0.01, 0.0, 0.1) \
  X(double, repeat, 0.02, 0.001, 5.0) \
  X(double, canvass, 0.08, 0.005, 60.0) \
  X(double, courtship, 0.04, 0.0, 60.0) \
  X(double, join, 1.0, 0.05, 60.0)

/* How an outlet keeps a deadline by itself. */
#define HG_JOB_SETTINGS(X) \
  X(double, job_margin, 60.0, 0.0, 3600.0) \
  X(double, job_margin_share, 0.05, 0.0, 1.0) \
  X(double, job_idle_time, 900.0, 1.0, 86400.0)

/* When a load counts as on. */
#define HG_TURN_ON_SETTINGS(X) \
  X(double, current_off, 0.02, 0.0, 10.0) \
  X(double, current_on, 0.03, 0.0, 10.0) \
  X(double, horizon, 30.0, 0.5, 600.0)

/* When an outlet speaks for itself, and whom it believes. */
#define HG_OWN_SETTINGS(X) \
  X(double, hub_silence, 10.0, 1.0, 3600.0) \
  X(double, hub_trust, 0.9, 0.5, 1.0) \
  X(double, own_power_off, 4.0, 0.0, 100.0) \
  X(double, own_apparent_off, 12.0, 0.0, 200.0)

#endif
