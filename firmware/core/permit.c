#include "permit.h"

#include <math.h>
#include <string.h>

#include "bytes.h"
#include "sha256.h"

void hg_permits_init(hg_permits_t *book, double started, const uint8_t *key, size_t key_length)
{
  memset(book, 0, sizeof *book);
  book->key = key;
  book->key_length = key_length;
  book->started = started;
  for (size_t k = 0; k < HG_PERMITS; k++) {
    book->held[k].until = book->last[k].until = -(double)INFINITY;
  }
}

void hg_permit_words(const char *name, const uint8_t *body, size_t length, char words[HG_PERMIT_LENGTH + 1])
{
  static const char LABEL[] = HG_PERMIT_LABEL, HEX[] = "0123456789abcdef";
  uint8_t digest[HG_SHA256_BYTES], count[2];
  hg_sha256_t hash;
  hg_put(count, strlen(name), sizeof count);
  hg_sha256_init(&hash);
  hg_sha256_update(&hash, (const uint8_t *)LABEL, sizeof LABEL - 1);
  hg_sha256_update(&hash, count, sizeof count);
  hg_sha256_update(&hash, (const uint8_t *)name, strlen(name));
  hg_sha256_update(&hash, body, length);
  hg_sha256_final(&hash, digest);
  char *to = words + sizeof HG_PERMIT_WORD - 1;
  memcpy(words, HG_PERMIT_WORD, sizeof HG_PERMIT_WORD - 1);
  for (size_t k = 0; k < sizeof digest; k++) {
    *to++ = HEX[digest[k] >> 4];
    *to++ = HEX[digest[k] & 15U];
  }
  *to = 0;
}

/* The place of a sender, of one that matters no more, or HG_PERMITS. */
static size_t place_of(const hg_permits_t *book, double now, const char *sender)
{
  size_t vacant = HG_PERMITS;
  for (size_t k = 0; k < HG_PERMITS; k++) {
    if (now <= book->last[k].until && strcmp(book->last[k].sender, sender) == 0) {
      return k;
    }
    vacant = now > book->last[k].until ? k : vacant;
  }
  return vacant;
}

/* The place of a call that is permitted already, of one that no more is, or HG_PERMITS. */
static size_t room_for(const hg_permits_t *book, double now, const char *words)
{
  size_t vacant = HG_PERMITS;
  for (size_t k = 0; k < HG_PERMITS; k++) {
    if (now <= book->held[k].until && strcmp(book->held[k].words, words) == 0) {
      return k;
    }
    vacant = now > book->held[k].until ? k : vacant;
  }
  return vacant;
}

hg_refusal_t hg_permits_hear(hg_permits_t *book, double now, const hg_request_t *r, const char *reason)
{
  if (book->key_length > 0 && r->mac_length == 0) {
    return HG_REFUSAL_UNSIGNED;
  }
  if (book->key_length > 0 &&
      !hg_authentic(book->key, book->key_length, r->packed, r->packed_length, r->mac, r->mac_length)) {
    return HG_REFUSAL_FORGED;
  }
  if (r->voice != HG_PERMIT_CALL || strncmp(reason, HG_PERMIT_WORD, sizeof HG_PERMIT_WORD - 1) != 0 ||
      strlen(reason) != HG_PERMIT_LENGTH) {
    return HG_REFUSAL_VOICE_UNKNOWN;
  }
  if (!(r->stamp <= now + HG_PERMIT_FUTURE)) {
    return HG_REFUSAL_FUTURE;
  }
  if (!(now <= r->expiry)) {
    return HG_REFUSAL_EXPIRED;
  }
  if (!(r->stamp >= fmax(now - HG_PERMIT_AGE, book->started))) {
    return HG_REFUSAL_STALE;
  }
  if (r->expiry - r->stamp > HG_PERMIT_AGE) {
    return HG_REFUSAL_TOO_LONG;
  }
  const size_t who = place_of(book, now, r->sender);
  const bool known = who < HG_PERMITS && now <= book->last[who].until;
  if (known && (r->epoch < book->last[who].epoch ||
                (r->epoch == book->last[who].epoch && r->counter <= book->last[who].counter))) {
    return HG_REFUSAL_REPLAYED;
  }
  const size_t vacant = room_for(book, now, reason);
  if (who == HG_PERMITS || vacant == HG_PERMITS) {
    return HG_REFUSAL_CROWDED;
  }
  memcpy(book->held[vacant].words, reason, HG_PERMIT_LENGTH + 1);
  book->held[vacant].until = r->expiry;
  memcpy(book->last[who].sender, r->sender, sizeof book->last[who].sender);
  book->last[who].epoch = r->epoch;
  book->last[who].counter = r->counter;
  book->last[who].until = r->stamp + HG_PERMIT_AGE;
  return HG_REFUSAL_NONE;
}

bool hg_permits_use(hg_permits_t *book, double now, const char *words)
{
  if (book->key_length == 0) {
    return true;
  }
  for (size_t k = 0; k < HG_PERMITS; k++) {
    if (now <= book->held[k].until && strcmp(book->held[k].words, words) == 0) {
      book->held[k].until = -(double)INFINITY;
      return true;
    }
  }
  return false;
}
