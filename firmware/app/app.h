/* One outlet: its whole memory, and what its tasks do. Nothing here knows ROS, a clock, a board or an allocator.
 *
 *   converter's interrupt  hg_app_sample    ring, guard, detector
 *   control, every 10 ms   hg_app_control   protection, requests, arbitration, relay; election; what is kept
 *   analysis, per window   hg_app_analyse   align, meter, signature, recognise
 *   comms                  comms.h          fills `in`, empties `out`
 *
 * Each mailbox has one writer and one reader. `now` is the port's monotonic clock; wall time is `now` plus an offset
 * that comms keeps (hg_app_time). */
#ifndef HEARTHGRID_APP_H
#define HEARTHGRID_APP_H

#include "detector.h"
#include "election.h"
#include "island.h"
#include "job.h"
#include "kept.h"
#include "keyring.h"
#include "mail.h"
#include "own.h"
#include "own_shedding.h"
#include "platform.h"
#include "reading.h"
#include "permit.h"
#include "relay.h"
#include "ring.h"
#include "seal.h"
#include "schedule.h"
#include "turn_on.h"
#include "view.h"

#define HG_TITLE_LENGTH 64
#define HG_MESSAGE_LENGTH 200
#ifdef HG_BOARD /* the agent hands on at most eight messages at once, and samples come one by one */
#define HG_ZONE_WORDS 16
#define HG_CONTROL_SAMPLES 512
#else
#define HG_ZONE_WORDS 32 /* ballots a zone may say between two control steps */
#define HG_CONTROL_SAMPLES HG_WINDOW_MAX
#endif
/* A record of the devices with the journal's head, sum and mark, in whole words. */
#define HG_DEVICES_SLOT ((((uint32_t)sizeof(hg_own_kept_t) + 16U) / HG_JOURNAL_WORD + 2U) * HG_JOURNAL_WORD)

/* Shedding classes, OutletState.CLASS_… */
enum { HG_CLASS_UNKNOWN = 0, HG_CLASS_MEDICAL, HG_CLASS_REFRIGERATION, HG_CLASS_SAFETY, HG_CLASS_ESSENTIAL,
       HG_CLASS_DEFERRABLE, HG_CLASS_COMFORT };

typedef struct {
  char id[HG_MEMBER_LENGTH + 1], title[HG_TITLE_LENGTH + 1];
  uint8_t priority;                    /* HG_CLASS_… at first */
  uint16_t rank;
  bool deferrable, normally_on;
  hg_schedule_t schedule;              /* at first; what a person sets comes first */
  double sampling_rate;                /* [Hz]: 128 samples a cycle of the nominal frequency */
  hg_scale_t scale;                    /* of the converter */
  double island_grace, silence_max, heartbeat, signature_heartbeat, save_period; /* [s] */
  double refined_period;               /* what use alone taught of devices is kept so often [s] */
  hg_protection_settings_t protection;
  hg_relay_settings_t relay;
  hg_request_settings_t requests;
  hg_job_settings_t jobs;
  hg_detector_settings_t detector;     /* nominal voltage and frequency of the outlet are these */
  hg_turn_on_settings_t turn_on;
  hg_own_settings_t own;
  hg_own_shedding_settings_t shedding;
  hg_election_settings_t election;
  hg_island_settings_t island;
  size_t committee_count;              /* as commissioned; 0 = this member alone */
  char committee[HG_COMMITTEE_SIZE_MAX][HG_MEMBER_LENGTH + 1];
  uint8_t request_key[HG_KEY_MAX], ballot_key[HG_KEY_MAX];
  size_t request_key_length, ballot_key_length; /* 0 = unsigned is believed */
  double ballot_age_max;               /* a signed one stamped further away is dropped [s] */
  uint64_t incarnation;                /* greater than at any start before: wall time in ns where it is known */
} hg_app_settings_t;

/* The defaults of the Python outlet, for an outlet called `id` at 230 V and 50 Hz; FW ports change what they must. */
void hg_app_defaults(hg_app_settings_t *settings, const char *id);

/* In: from comms to control. A code follows its fields, mac_length 0 = unsigned. */
typedef struct {
  hg_wire_request_t wire;
  uint8_t mac[HG_AUTHENTIC_MAC_BYTES];
  size_t mac_length;
} hg_mail_request_t;

typedef struct {
  hg_wire_ballot_t wire;
  int64_t stamp; /* [ns] */
  uint8_t mac[HG_AUTHENTIC_MAC_BYTES];
  size_t mac_length;
} hg_mail_ballot_t;

typedef struct {
  bool known, closed, alive; /* of the tie; alive: the utility behind it */
  double stamp;              /* wall [s] */
} hg_mail_tie_t;

typedef enum {
  HG_ASK_NOTHING = 0,
  HG_ASK_SCHEDULE, /* replace the schedule */
  HG_ASK_PRIORITY,
  HG_ASK_RESET,    /* the trip */
  HG_ASK_WAVEFORM, /* the newest window, now */
  HG_ASK_JOB,      /* a new one, or the one that is held; the answer's text is its id */
  HG_ASK_CANCEL    /* the job that is not finished */
} hg_ask_kind_t;

/* What a person asks by a service; the answer carries the same ticket. */
typedef struct {
  hg_ask_kind_t kind;
  uint32_t ticket;
  uint8_t priority;
  uint16_t rank;
  size_t count;
  hg_entry_t entries[HG_SCHEDULE_ENTRIES];
  hg_job_t job; /* deadline in wall time */
  char words[HG_PERMIT_LENGTH + 1]; /* of the permit it needs */
} hg_mail_ask_t;

typedef struct {
  uint32_t ticket;
  bool success;
  char text[HG_MESSAGE_LENGTH + 1];
} hg_mail_answer_t;

/* Out: what an outlet does, and why. Fields as in OutletState.msg. */
typedef struct {
  double stamp; /* wall [s] */
  uint8_t relay, trip, voice, priority;
  uint16_t rank;
  bool waiting;
  double power_min, power_max, demand, inrush, thermal_load;
  uint32_t refused;
  char reason[HG_REASON_LENGTH + 1];
} hg_mail_state_t;

typedef struct {
  double stamp, power_max;
  uint64_t counter;
  bool closed;
} hg_mail_relay_t;

typedef struct {
  double stamp;
  hg_job_t job;
} hg_mail_job_t;

/* What the outlet itself says of its load; quiet: the hub speaks again, and what was said is taken away. */
typedef struct {
  bool quiet;
  uint32_t sequence;
  double time;
  hg_identification_t answer;
} hg_mail_identity_t;

/* How a job fares, for whoever asked for it: every few seconds, and when it has ended. finish: expected [s]. */
typedef struct {
  double stamp, finish;
  hg_job_t job;
  char reason[HG_REASON_LENGTH + 1];
} hg_mail_progress_t;

typedef struct {
  hg_reading_t reading;
  uint32_t sequence;
  uint8_t supply;
} hg_mail_reading_t;

typedef struct {
  hg_signature_t signature;
  double stamp; /* of the first sample, wall [s] */
  uint32_t sequence;
  uint8_t reason, cycles;
} hg_mail_signature_t;

typedef struct {
  double stamp, frequency; /* of the first sample, wall [s]; NaN without mains [Hz] */
  uint32_t sequence;
  uint8_t reason, cycles;
  size_t n;
  int16_t voltage[HG_WINDOW_MAX], current[HG_WINDOW_MAX];
} hg_mail_waveform_t;

struct hg_app {
  hg_app_settings_t settings;
  hg_platform_t platform;

  /* The interrupt's. */
  hg_ring_t ring;
  hg_guard_t guard;
  hg_detector_t detector;
  uint32_t until_look, until_window, half, window; /* samples */
  uint32_t gaps;                        /* of samples, so far */
  HG_MAILBOX(hg_look_t, 64) looks;      /* half cycles → control */
  uint32_t windows;                     /* whole ones so far → analysis */

  /* Wall time, comms → all. */
  double offset, sampled;               /* wall - monotonic; wall time of the newest sample, NaN = as it comes [s] */
  bool timed;

  /* Control's. */
  hg_protection_t protection;
  hg_relay_t relay;
  hg_cap_t cap;
  hg_requests_t requests;
  hg_permits_t permits;
  hg_schedule_t schedule;
  hg_job_book_t jobs;
  hg_own_shedding_t shedding;
  hg_directory_t directory;
  hg_election_t election;
  hg_island_t island;
  hg_seal_t seal;
  hg_keyring_t request_keys, ballot_keys; /* comms signs with them */
  uint8_t nobody[32];                   /* a key that no code is made with */
  bool keys_trouble;                    /* where they come from cannot be read */
  hg_event_t event;
  hg_actions_t actions;
  hg_journal_t journals[HG_KEEPS];
  bool journal_open[HG_KEEPS];
  struct hg_control {
    hg_measurement_t measured;
    bool sighted, chosen_schedule, chosen_priority, told_blind, dirty, welded;
    uint32_t measured_count;            /* of the ring, at the last measurement */
    uint64_t relay_counter; /* of the last command to the relay */
    double measured_at, heard_at, open_since, alone_since, told_at, commanded_at, saved_at, weighed_at, demand, now;
    double job_told_at, progress_at;
    uint8_t priority;
    uint16_t rank;
    uint32_t refused, ballots_refused, fence[2];
    hg_trip_t trip;
    hg_job_t job_told;
    bool commanded, command_closed;
    double command_max;
    hg_mail_state_t told;
    hg_member_t me;
    hg_committee_t commissioned;
    hg_durable_t durable;
    bool remembers, member_safe, trip_kept;
    hg_voice_record_t person;           /* kept over the restart: in force again once wall time is known */
    char person_reason[HG_REASON_LENGTH + 1];
    bool person_kept;
    char reason[HG_REASON_LENGTH + 1];  /* of the last decision */
    char cause[48];                     /* of the trip */
    char reasons[HG_REQUEST_SENDERS][HG_REASON_LENGTH + 1]; /* of the voice in the same place of the book */
    int16_t voltage[HG_CONTROL_SAMPLES], current[HG_CONTROL_SAMPLES];
    uint8_t bytes[HG_JOURNAL_PAYLOAD];
  } control;

  /* Analysis'. */
  hg_fft_t fft;
  hg_wavelet_work_t wavelet;
  hg_aligned_t aligned;
  hg_metering_t metering;
  hg_signature_t signature;
  hg_turn_on_t turn_on;
  hg_change_detector_t changes;
  hg_reading_mean_t mean;
  hg_energy_t energy;
  struct hg_analysis {
    int16_t voltage[HG_WINDOW_MAX], current[HG_WINDOW_MAX];
    double vector[HG_SIGNATURE_FEATURES], view[HG_VIEW_FEATURES];
    uint32_t readings, signatures, windows, analysed; /* analysed: ring count at the end of the last window */
    uint32_t gaps, shown[2];
    double shown_at, newest;            /* newest: wall time of the last sample [s] */
    size_t n, block;                    /* samples aligned, and of them new; 0 = nothing to show */
    bool alive;
  } analysis;
  hg_own_t own;                         /* control writes it to the flash, only while analysis is not at it */
  struct hg_devices {
    bool busy, writing;                 /* analysis is at it; control is */
    bool taught, moved, failed;         /* taught, moved: since it was kept; failed: it was not */
    bool hush;                          /* own answers are to be taken away, and there was no room to say so */
    bool complained;
    uint32_t known, bytes;              /* as of the last word that taught something */
    double saved_at;
  } devices;
  uint32_t show[2];                     /* a signature is wanted: by a listener that came late, by a person */
  float inrush;                         /* largest seen, NaN = none [1] */
  uint32_t askers;                      /* of the job, comms → control */

  struct {
    HG_MAILBOX(hg_mail_request_t, 8) requests;
    HG_MAILBOX(hg_mail_ballot_t, HG_ZONE_WORDS) ballots;
    HG_MAILBOX(hg_mail_tie_t, 4) ties;
    HG_MAILBOX(hg_mail_ask_t, 2) asks;
    HG_MAILBOX(hg_told_t, 4) told;      /* comms → analysis */
    HG_MAILBOX(hg_label_t, 2) labels;
  } in;
  struct {
    HG_MAILBOX(hg_mail_state_t, 2) states;
    HG_MAILBOX(hg_mail_relay_t, 4) relays;
    HG_MAILBOX(hg_message_t, 64) ballots; /* names by number: hg_ballot_write with `directory` */
    HG_MAILBOX(hg_island_view_t, 8) islands;
    HG_MAILBOX(hg_mail_job_t, 2) jobs;
    HG_MAILBOX(hg_mail_progress_t, 2) progress;
    HG_MAILBOX(hg_mail_answer_t, 2) answers;
    HG_MAILBOX(hg_mail_reading_t, 4) readings;
    HG_MAILBOX(hg_mail_signature_t, 2) signatures;
    HG_MAILBOX(hg_mail_waveform_t, 1) waveforms;
    HG_MAILBOX(hg_mail_identity_t, 2) identities;
  } out;
};

/* Ready to run; what was kept is taken back. HG_ERROR_ARGUMENT or HG_ERROR_RATE: settings out of bounds. Flash that
 * cannot be read is logged and nothing is kept. */
hg_status_t hg_app_init(struct hg_app *app, const hg_app_settings_t *settings, const hg_platform_t *platform);

/* The newest pair of counts; from the interrupt. Whether the relay must open at once. */
bool hg_app_sample(struct hg_app *app, int16_t voltage, int16_t current);

/* The converter is another than settings say: rate [Hz], scale. Errors as of hg_app_init; not while samples come. */
hg_status_t hg_app_converter(struct hg_app *app, double sampling_rate, hg_scale_t scale);

/* Samples are missing before the next one. */
void hg_app_gap(struct hg_app *app);

/* Wall time as comms knows it; and of the newest sample, NaN = it came just now. */
void hg_app_time(struct hg_app *app, double offset, double sampled);

/* The keys are others: from the task that is control's and comms' both, or before they run. */
void hg_app_keys(struct hg_app *app, const hg_keyring_t *requests, const hg_keyring_t *ballots);

/* The keys in a sector of the board's flash (core/key_image.h), after hg_app_init: those stay that the image was made
 * with where none was ever written; where it cannot be read, or is another outlet's, nobody is believed. */
void hg_app_key_image(struct hg_app *app, const uint8_t *bytes, size_t length);

/* One control step. now: monotonic [s] */
void hg_app_control(struct hg_app *app, double now);

/* Whether a window waits to be analysed.. */
bool hg_app_window(const struct hg_app *app);

/* Analyse the newest window. HG_ERROR_SHORT: none waits. HG_ERROR_OVERRUN: it came too late and is passed over. */
hg_status_t hg_app_analyse(struct hg_app *app, double now);

/* The relay to where nobody has to watch over it, and everything kept: before an orderly end. */
void hg_app_release(struct hg_app *app, double now);

#endif
