/* What voices outside the outlet ask: which requests are refused and why, which are in force, and what all settle on.
 * Twin of hearthgrid_core.outlet.requests, .band and island.fence. */
#ifndef HEARTHGRID_REQUESTS_H
#define HEARTHGRID_REQUESTS_H

#include "authentic.h"
#include "common.h"

/* The power an outlet may draw: 0 <= power_min <= power_max, infinity = no cap. [W] */
typedef struct {
  double power_min, power_max;
} hg_band_t;

typedef struct {
  int voice;
  hg_band_t band;
} hg_word_t;

/* A request with nothing checked yet; power_max NaN withdraws. packed and mac may be empty. */
typedef struct {
  int voice;
  char sender[HG_SENDER_LENGTH + 1];
  uint32_t epoch, term;
  uint64_t counter;
  double stamp, expiry;        /* [s] */
  double power_min, power_max; /* [W] */
  bool provisional;
  const uint8_t *packed;
  size_t packed_length;
  const uint8_t *mac;
  size_t mac_length;
} hg_request_t;

/* The newest word of one sender, and whether it binds. */
typedef struct {
  bool known, held;
  int voice;
  char sender[HG_SENDER_LENGTH + 1];
  uint32_t epoch;
  uint64_t counter;
  double forget, expiry; /* [s] */
  hg_band_t band;
} hg_voice_record_t;

/* The lowest caps of provisional leaders, and the newest leader with a majority. */
typedef struct {
  bool known;
  char sender[HG_SENDER_LENGTH + 1];
  double expiry, power_max;
} hg_gate_record_t;

typedef struct {
  hg_request_settings_t settings;
  const uint8_t *key; /* the caller's; length 0 = unsigned requests are believed */
  size_t key_length;
  hg_voice_record_t voices[HG_REQUEST_SENDERS];
  hg_gate_record_t full, reduced[HG_REQUEST_SENDERS];
  uint32_t highest_epoch, highest_term; /* of the newest majority obeyed; keep it over a restart */
} hg_requests_t;

hg_status_t hg_requests_init(hg_requests_t *book, const hg_request_settings_t *settings, const uint8_t *key,
                             size_t key_length);

/* Take a request into force, or return why not; nothing changes then. */
hg_refusal_t hg_requests_receive(hg_requests_t *book, double now, const hg_request_t *request);

/* Write what is asked at this moment, the most urgent first; returns how many. deaf: bit k = not voice k. */
size_t hg_requests_words(const hg_requests_t *book, double now, unsigned deaf, hg_word_t words[HG_REQUEST_SENDERS]);

/* What binds of one voice, to be kept over a restart; returns how many. */
size_t hg_requests_held(const hg_requests_t *book, int voice, hg_voice_record_t rows[HG_REQUEST_SENDERS]);

/* Take back what hg_requests_held gave, without what has expired. HG_ERROR_DAMAGED: it cannot be that; nothing is taken
 * then. HG_ERROR_FULL: the book had no place for all. */
hg_status_t hg_requests_restore(hg_requests_t *book, double now, const hg_voice_record_t *rows, size_t count);

/* The part of `band` that comes nearest to what a less urgent `other` asks; never outside `band`. */
hg_band_t hg_band_narrowed(hg_band_t band, hg_band_t other);

/* What all words settle on, the most urgent first; voice: who decided, HG_VOICE_UNKNOWN = nobody asked. */
hg_word_t hg_settle(const hg_word_t *words, size_t count);

#endif
