/* Permits: a call of a service is obeyed when a signed word says that it is meant. Twin of
 * hearthgrid_core.outlet.permit. */
#ifndef HEARTHGRID_PERMIT_H
#define HEARTHGRID_PERMIT_H

#include "authentic.h"
#include "requests.h"

#define HG_PERMITS 8 /* not used yet, and senders, remembered at once */

typedef struct {
  const uint8_t *key; /* the caller's; length 0 = calls need no permit */
  size_t key_length;
  double started; /* words from before are refused: they may have been used already [s] */
  struct {
    char words[HG_PERMIT_LENGTH + 1];
    double until; /* [s] */
  } held[HG_PERMITS];
  struct {
    char sender[HG_SENDER_LENGTH + 1];
    uint32_t epoch;
    uint64_t counter;
    double until; /* [s] */
  } last[HG_PERMITS];
} hg_permits_t;

void hg_permits_init(hg_permits_t *book, double started, const uint8_t *key, size_t key_length);

/* Write the reason that permits a call. name: of the service, in full. body: all it asks, packed. */
void hg_permit_words(const char *name, const uint8_t *body, size_t length, char words[HG_PERMIT_LENGTH + 1]);

/* Take a permit, or return why not; nothing changes then. `request` is the word with its code, `reason` what it says. */
hg_refusal_t hg_permits_hear(hg_permits_t *book, double now, const hg_request_t *request, const char *reason);

/* Whether a call is permitted; its permit is used up then. */
bool hg_permits_use(hg_permits_t *book, double now, const char *words);

#endif
