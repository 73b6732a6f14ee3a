/* What the parts of the application ask of each other; nobody else includes this. */
#ifndef HEARTHGRID_PARTS_H
#define HEARTHGRID_PARTS_H

#include "app.h"

double hg_app_wall(const struct hg_app *app, double now);

/* words.c: all that is said at a moment, the most urgent first, each with its reason. */
#define HG_WORDS_MAX (HG_REQUEST_SENDERS + 8)

typedef struct {
  hg_word_t words[HG_WORDS_MAX];
  char reasons[HG_WORDS_MAX][HG_REASON_LENGTH + 1];
  size_t count;
} hg_said_t;

void hg_words_collect(struct hg_app *app, double wall, hg_said_t *said);

/* Why it has just tripped, into `control.cause`. */
void hg_words_cause(struct hg_app *app);

/* Why it is as it was settled. */
const char *hg_words_reason(const hg_said_t *said, hg_word_t agreed);

/* keys.c: the key a word is judged by; length 0 = none is needed. */
typedef struct {
  const uint8_t *secret;
  size_t length;
} hg_key_choice_t;

hg_status_t hg_keys_begin(struct hg_app *app);
hg_key_choice_t hg_keys_request(const struct hg_app *app, double wall, const hg_request_t *request);
hg_key_choice_t hg_keys_ballot(const struct hg_app *app, double wall, const hg_mail_ballot_t *ballot);

/* control.c */
void hg_control_measure(struct hg_app *app);
void hg_control_decide(struct hg_app *app);
void hg_control_release(struct hg_app *app);

/* Tell the askers of a job how it fares; true where nobody has to be told, or all are. */
bool hg_control_progress(struct hg_app *app, double wall);

/* asks.c: what a person asks by a service. */
void hg_asks_step(struct hg_app *app);
void hg_app_say(const struct hg_app *app, hg_log_t level, const char *format, ...);

/* member.c: the election and the island. */
hg_status_t hg_member_begin(struct hg_app *app, double now, hg_random_t chance);
void hg_member_step(struct hg_app *app);

/* keep.c: what outlives a loss of power. */
hg_status_t hg_keep_load(struct hg_app *app, hg_keep_t what, uint8_t *out, uint32_t room, uint32_t *length);
hg_status_t hg_keep_save(struct hg_app *app, hg_keep_t what, uint32_t length);
void hg_keep_restore(struct hg_app *app);
void hg_keep_step(struct hg_app *app, bool now);
bool hg_keep_member(struct hg_app *app, const hg_durable_t *durable);

/* devices.c: what the outlet knows by itself of its devices. Analysis': see, step. Control's: restore, keep. */
void hg_devices_restore(struct hg_app *app);
void hg_devices_see(struct hg_app *app, const hg_mail_signature_t *signature, bool changed, double now);
void hg_devices_step(struct hg_app *app, double now);
void hg_devices_keep(struct hg_app *app, bool now);

#endif
