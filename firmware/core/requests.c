#include "requests.h"

#include <math.h>
#include <string.h>

static bool withdraws(const hg_request_t *r)
{
  return isnan(r->power_max) && (isnan(r->power_min) || !(r->power_min < 0.0 || r->power_min > 0.0));
}

static double validity_max(const hg_request_settings_t *s, int voice)
{
  switch (voice) {
    case HG_VOICE_PLAN: return s->plan_validity_max;
    case HG_VOICE_PERSON: return s->person_validity_max;
    case HG_VOICE_GRID_SERVICE: return s->grid_validity_max;
    default: return s->island_validity_max;
  }
}

static double gate_cap(const hg_requests_t *book, double now)
{
  double cap = book->full.known && now < book->full.expiry ? book->full.power_max : (double)INFINITY;
  for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
    const hg_gate_record_t *r = &book->reduced[k];
    if (r->known && now < r->expiry && r->power_max < cap) {
      cap = r->power_max;
    }
  }
  return cap;
}

static int order(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
  if (a != c) {
    return a < c ? -1 : 1;
  }
  return b < d ? -1 : b > d;
}

static hg_voice_record_t *find(hg_requests_t *book, int voice, const char *sender)
{
  for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
    hg_voice_record_t *v = &book->voices[k];
    if (v->known && v->voice == voice && strcmp(v->sender, sender) == 0) {
      return v;
    }
  }
  return NULL;
}

static hg_voice_record_t *vacancy(hg_requests_t *book)
{
  for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
    if (!book->voices[k].known) {
      return &book->voices[k];
    }
  }
  return NULL;
}

static void forget(hg_requests_t *book, double now)
{
  for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
    hg_voice_record_t *v = &book->voices[k];
    v->held = v->held && now <= v->expiry;
    v->known = v->known && now <= v->forget;
    hg_gate_record_t *r = &book->reduced[k];
    r->known = r->known && now < r->expiry;
  }
}

/* The first reason that holds is the answer; the order is the one of the Python table. */
static hg_refusal_t judge(hg_requests_t *book, double now, const hg_request_t *r)
{
  const hg_request_settings_t *s = &book->settings;
  const bool island = r->voice == HG_VOICE_ISLAND, nothing = withdraws(r);
  if (book->key_length > 0 && r->mac_length == 0) {
    return HG_REFUSAL_UNSIGNED;
  }
  if (book->key_length > 0 &&
      !hg_authentic(book->key, book->key_length, r->packed, r->packed_length, r->mac, r->mac_length)) {
    return HG_REFUSAL_FORGED;
  }
  if (r->voice == HG_VOICE_PROTECTION) {
    return HG_REFUSAL_VOICE_PROTECTION;
  }
  if (r->voice < HG_VOICE_PLAN || r->voice > HG_VOICE_ISLAND) {
    return HG_REFUSAL_VOICE_UNKNOWN;
  }
  if (!nothing && (isnan(r->power_min) || isnan(r->power_max))) {
    return HG_REFUSAL_NOT_A_NUMBER;
  }
  if (!nothing && !(r->power_min >= 0.0 && r->power_min <= r->power_max && r->power_min < (double)INFINITY)) {
    return HG_REFUSAL_NO_BAND;
  }
  if (r->stamp > now + s->request_future_max) {
    return HG_REFUSAL_FUTURE;
  }
  if (!(now <= r->expiry)) {
    return HG_REFUSAL_EXPIRED;
  }
  if (!(now - r->stamp <= s->request_age_max)) {
    return HG_REFUSAL_STALE;
  }
  if (r->expiry - r->stamp > validity_max(s, r->voice)) {
    return HG_REFUSAL_TOO_LONG;
  }
  if (island && !r->provisional && order(r->epoch, r->term, book->highest_epoch, book->highest_term) < 0) {
    return HG_REFUSAL_FENCED;
  }
  const hg_voice_record_t *last = find(book, r->voice, r->sender);
  if (last != NULL && order(r->epoch, r->counter, last->epoch, last->counter) <= 0) {
    return HG_REFUSAL_REPLAYED;
  }
  if (island && r->provisional && (nothing || r->power_min > 0.0 || r->power_max > gate_cap(book, now))) {
    return HG_REFUSAL_RAISES;
  }
  return last == NULL && vacancy(book) == NULL ? HG_REFUSAL_CROWDED : HG_REFUSAL_NONE;
}

/* Let the gate take in what is not refused; a leader with a majority replaces all the island has said. */
static void obey(hg_requests_t *book, double now, const hg_request_t *r)
{
  const double cap = withdraws(r) ? (double)INFINITY : r->power_max;
  const bool valid = now < r->expiry && r->expiry <= now + book->settings.island_validity_max;
  if (!r->provisional) {
    for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
      book->voices[k].held = book->voices[k].held && book->voices[k].voice != HG_VOICE_ISLAND;
    }
    if (valid) {
      book->highest_epoch = r->epoch;
      book->highest_term = r->term;
      book->full = (hg_gate_record_t){.known = true, .expiry = r->expiry, .power_max = cap};
      memset(book->reduced, 0, sizeof book->reduced);
    }
    return;
  }
  hg_gate_record_t *place = NULL;
  for (size_t k = 0; k < HG_REQUEST_SENDERS && valid; k++) {
    hg_gate_record_t *g = &book->reduced[k];
    if (g->known && strcmp(g->sender, r->sender) == 0) {
      place = g;
      break;
    }
    if (!g->known && place == NULL) {
      place = g;
    }
  }
  if (place != NULL) { /* as many places as senders, and expired ones were forgotten: there is one */
    *place = (hg_gate_record_t){.known = true, .expiry = r->expiry, .power_max = cap};
    memcpy(place->sender, r->sender, sizeof place->sender);
  }
}

/* Of plan and person only the newest word binds. */
static void silence(hg_requests_t *book, int voice)
{
  for (size_t k = 0; k < HG_REQUEST_SENDERS && (voice == HG_VOICE_PLAN || voice == HG_VOICE_PERSON); k++) {
    book->voices[k].held = book->voices[k].held && book->voices[k].voice != voice;
  }
}

hg_status_t hg_requests_init(hg_requests_t *book, const hg_request_settings_t *s, const uint8_t *key,
                             size_t key_length)
{
  if (!(true HG_REQUEST_SETTINGS(HG_WITHIN)) || (key == NULL && key_length > 0)) {
    return HG_ERROR_ARGUMENT;
  }
  memset(book, 0, sizeof *book);
  book->settings = *s;
  book->key = key;
  book->key_length = key_length;
  return HG_OK;
}

hg_refusal_t hg_requests_receive(hg_requests_t *book, double now, const hg_request_t *r)
{
  forget(book, now);
  const hg_refusal_t refusal = judge(book, now, r);
  if (refusal != HG_REFUSAL_NONE) {
    return refusal;
  }
  if (r->voice == HG_VOICE_ISLAND) {
    obey(book, now, r);
  }
  silence(book, r->voice);
  hg_voice_record_t *v = find(book, r->voice, r->sender);
  if (v == NULL) {
    v = vacancy(book);
  }
  /* Kept while it binds and as long as a copy of it could pass for fresh; a sender that lost its counter and starts
   * anew is believed again after that. */
  const double fresh = r->stamp + book->settings.request_age_max;
  const bool held = !withdraws(r);
  *v = (hg_voice_record_t){.known = true, .held = held, .voice = r->voice, .epoch = r->epoch, .counter = r->counter,
                           .forget = held && r->expiry > fresh ? r->expiry : fresh, .expiry = r->expiry,
                           .band = {r->power_min, r->power_max}};
  memcpy(v->sender, r->sender, sizeof v->sender);
  return HG_REFUSAL_NONE;
}

static bool sooner(const hg_word_t *a, const hg_word_t *b)
{
  if (a->voice != b->voice) {
    return a->voice > b->voice;
  }
  if (a->band.power_max < b->band.power_max || a->band.power_max > b->band.power_max) {
    return a->band.power_max < b->band.power_max;
  }
  return a->band.power_min < b->band.power_min;
}

size_t hg_requests_words(const hg_requests_t *book, double now, unsigned deaf, hg_word_t words[HG_REQUEST_SENDERS])
{
  size_t count = 0;
  for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
    const hg_voice_record_t *v = &book->voices[k];
    if (!v->held || !(now <= v->expiry) || (deaf >> v->voice & 1U) != 0) {
      continue;
    }
    const hg_word_t word = {v->voice, v->band};
    size_t place = count++;
    for (; place > 0 && sooner(&word, &words[place - 1]); place--) {
      words[place] = words[place - 1];
    }
    words[place] = word;
  }
  return count;
}

size_t hg_requests_held(const hg_requests_t *book, int voice, hg_voice_record_t rows[HG_REQUEST_SENDERS])
{
  size_t count = 0;
  for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
    if (book->voices[k].known && book->voices[k].held && book->voices[k].voice == voice) {
      rows[count++] = book->voices[k];
    }
  }
  return count;
}

hg_status_t hg_requests_restore(hg_requests_t *book, double now, const hg_voice_record_t *rows, size_t count)
{
  for (size_t k = 0; k < count; k++) {
    const hg_voice_record_t *r = &rows[k];
    if (r->voice < HG_VOICE_PLAN || r->voice > HG_VOICE_ISLAND || memchr(r->sender, 0, sizeof r->sender) == NULL ||
        !(r->band.power_min >= 0.0 && r->band.power_min <= r->band.power_max && r->band.power_min < (double)INFINITY)) {
      return HG_ERROR_DAMAGED;
    }
  }
  for (size_t k = 0; k < count; k++) {
    const hg_voice_record_t *r = &rows[k];
    if (!(now <= r->expiry)) {
      continue;
    }
    silence(book, r->voice);
    hg_voice_record_t *place = find(book, r->voice, r->sender);
    place = place != NULL ? place : vacancy(book);
    if (place == NULL) {
      return HG_ERROR_FULL;
    }
    *place = *r;
    place->known = place->held = true;
    place->forget = r->expiry;
  }
  return HG_OK;
}

static double within(double value, double low, double high)
{
  value = value < low ? low : value;
  return value > high ? high : value;
}

static bool is_off(hg_band_t band) { return !(band.power_max > 0.0); }
static bool is_on(hg_band_t band) { return band.power_min > 0.0; }

hg_band_t hg_band_narrowed(hg_band_t band, hg_band_t other)
{
  if (is_on(band) && is_off(other)) { /* off cannot be met halfway: it is not heard, rather than taken for a low cap */
    return band;
  }
  return (hg_band_t){within(other.power_min, band.power_min, band.power_max),
                     within(other.power_max, band.power_min, band.power_max)};
}

hg_word_t hg_settle(const hg_word_t *words, size_t count)
{
  hg_word_t agreed = {HG_VOICE_UNKNOWN, {0.0, (double)INFINITY}};
  int switched = HG_VOICE_UNKNOWN, capped = HG_VOICE_UNKNOWN;
  for (size_t k = 0; k < count; k++) {
    const double before = agreed.band.power_max;
    agreed.band = hg_band_narrowed(agreed.band, words[k].band);
    if (switched == HG_VOICE_UNKNOWN && (is_off(agreed.band) || is_on(agreed.band))) {
      switched = words[k].voice;
    }
    if (agreed.band.power_max < before) {
      capped = words[k].voice;
    }
  }
  agreed.voice = switched != HG_VOICE_UNKNOWN ? switched : capped;
  return agreed;
}
