/* Known answers, and the twin's vectors: the same on the host and on the target. Prints through `say`. */
#include "selftest.h"

#include <math.h>
#include <string.h>

#include "key_image.h"
#include "memory_flash.h"
#include "sha256.h"
#include "vectors.h"

static const char *const HEX = "0123456789abcdef";

static void say_number(const char *name, double value)
{
  uint64_t bits;
  char text[17];
  memcpy(&bits, &value, sizeof bits);
  for (int k = 0; k < 16; k++) {
    text[k] = HEX[bits >> (60 - 4 * k) & 15U];
  }
  text[16] = 0;
  say("value ");
  say(name);
  say(" ");
  say(text);
  say("\n");
}

static int check(const char *name, bool holds)
{
  say(holds ? "passed " : "FAILED ");
  say(name);
  say("\n");
  return holds ? 0 : 1;
}

static int test_sha256(void)
{
  static const uint8_t ABC[4] = {0xba, 0x78, 0x16, 0xbf}; /* FIPS 180-4, the digest of "abc" */
  uint8_t digest[HG_SHA256_BYTES];
  hg_sha256_t hash;
  hg_sha256_init(&hash);
  hg_sha256_update(&hash, (const uint8_t *)"abc", 3);
  hg_sha256_final(&hash, digest);
  return check("sha256", memcmp(digest, ABC, sizeof ABC) == 0);
}

static int test_protection(hg_outlet_t *o)
{
  const hg_measurement_t twice = {.voltage = 230.0, .current = 40.0, .current_cycle = 40.0, .temperature = 30.0};
  double now = 0.0;
  hg_protection_init(&o->protection, &o->protection.settings);
  while (now < 100.0 && hg_protection_step(&o->protection, now, &twice, true) == HG_TRIP_NONE) {
    now += 0.2;
  }
  say_number("trip_time", now);
  return check("protection", fabs(now - 38.7) < 0.3); /* IEC 60255-149: 38.7 s at twice the rating */
}

static int test_request(hg_outlet_t *o)
{
  hg_wire_request_t wire = {.stamp = 1, .expiry = 2, .voice = HG_VOICE_PLAN, .counter = 7, .sender = "plan"};
  uint8_t packed[HG_PACKED_MAX], mac[HG_AUTHENTIC_MAC_BYTES];
  size_t length = 0;
  const bool written = hg_pack(&wire, packed, sizeof packed, &length) == HG_OK;
  hg_sign(o->key, sizeof o->key, packed, length, mac);
  hg_request_t request = {.voice = HG_VOICE_PLAN, .sender = "plan", .counter = 7, .stamp = 100.0, .expiry = 160.0,
                          .power_max = 500.0, .packed = packed, .packed_length = length, .mac = mac,
                          .mac_length = sizeof mac};
  const hg_refusal_t good = hg_requests_receive(&o->requests, 100.0, &request);
  hg_word_t words[HG_REQUEST_SENDERS];
  const size_t held = hg_requests_words(&o->requests, 160.0, 0, words);
  const hg_word_t agreed = hg_settle(words, held);
  const size_t expired = hg_requests_words(&o->requests, 160.1, 0, words);
  request.counter = 8;
  mac[0] ^= 1U;
  const hg_refusal_t forged = hg_requests_receive(&o->requests, 100.0, &request);
  return check("request", written && good == HG_REFUSAL_NONE && forged == HG_REFUSAL_FORGED && held == 1 &&
                              expired == 0 && agreed.voice == HG_VOICE_PLAN && agreed.band.power_max < 500.5);
}

/* Chance of the election's timeouts: Marsaglia's xorshift, J. Stat. Softw. 8 (2003) 14. */
static double chance(void *context)
{
  uint32_t *state = context;
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return (double)*state / 4294967296.0;
}

hg_status_t outlet_vote(hg_outlet_t *o, double now, const hg_event_t *event)
{
  const hg_status_t status = hg_election_step(&o->election, now, event, &o->actions);
  for (size_t k = 0; status == HG_OK && k < o->actions.count; k++) {
    if (o->actions.items[k].persist) {
      const hg_kept_t kept = {.durable = o->actions.items[k].durable, .incarnation = o->election.incarnation,
                              .highest_epoch = o->requests.highest_epoch, .highest_term = o->requests.highest_term};
      uint32_t length;
      if (hg_kept_write(&o->directory, &kept, o->kept, sizeof o->kept, &length) != HG_OK) {
        return HG_ERROR_DAMAGED;
      }
    }
  }
  return status;
}

static hg_event_t word_of(hg_member_t sender, hg_kind_t kind, const hg_election_t *e)
{
  const hg_message_t m = {.kind = (uint8_t)kind, .sender = sender, .receiver = e->me, .incarnation = 1,
                          .term = e->term + (kind == HG_KIND_PRE_VOTE_REPLY ? 1U : 0U), .round = e->round,
                          .granted = true, .remembers = true, .committee = e->committee};
  return (hg_event_t){.kind = HG_EVENT_MESSAGE, .message = m};
}

#define FLASH_SECTOR 1024U

/* What the member promised is on the medium, and a word of it comes over the wire as it was. */
static int test_memory(hg_outlet_t *o)
{
  uint8_t image[2 * FLASH_SECTOR], bytes[HG_KEPT_BYTES];
  hg_memory_t memory = {.bytes = image, .sector = FLASH_SECTOR};
  const hg_flash_t flash = hg_memory_flash(&memory, 512);
  hg_kept_t kept = {.durable = {.term = o->election.term, .voted = o->election.voted,
                                .committee = o->election.committee}};
  hg_kept_t again = {.incarnation = 1};
  hg_journal_t journal;
  hg_wire_ballot_t wire;
  hg_message_t word = word_of(2, HG_KIND_HEARTBEAT, &o->election).message;
  uint32_t length;
  bool good = hg_journal_open(&journal, &flash, bytes, sizeof bytes, &length) == HG_OK && length == 0;
  for (uint32_t k = 0; k < 5 && good; k++) {
    kept.incarnation = k;
    good = hg_kept_write(&o->directory, &kept, bytes, sizeof bytes, &length) == HG_OK &&
           hg_journal_write(&journal, bytes, length) == HG_OK;
  }
  good = good && hg_journal_open(&journal, &flash, bytes, sizeof bytes, &length) == HG_OK &&
         hg_kept_read(&o->directory, bytes, length, &again) == HG_OK;
  hg_ballot_write(&o->directory, &word, &wire);
  good = good && hg_ballot_read(&o->directory, &wire, 1, &o->election.committee, &kept.durable.committee,
                                &word) == HG_OK;
  return check("memory", good && again.incarnation == 4 && again.durable.term == kept.durable.term &&
                             again.durable.voted == 1 && word.sender == 2 && word.round == o->election.round);
}

/* One of three asks, is voted for, stores it, and leads once another has stored the committee. */
static int test_election(hg_outlet_t *o)
{
  hg_election_t *e = &o->election;
  const hg_event_t stored = {.kind = HG_EVENT_PERSISTED, .number = 100};
  double now = e->deadline;
  for (; now < 2.0 && e->role != HG_ROLE_PRE_CANDIDATE; now = e->deadline) {
    outlet_vote(o, now, NULL);
  }
  o->event = word_of(2, HG_KIND_PRE_VOTE_REPLY, e);
  outlet_vote(o, now, &o->event);
  const bool silent = e->role == HG_ROLE_CANDIDATE && o->actions.count == 1 && o->actions.items[0].persist;
  outlet_vote(o, now, &stored);
  o->event = word_of(3, HG_KIND_VOTE_REPLY, e);
  outlet_vote(o, now, &o->event);
  outlet_vote(o, now, &stored);
  o->event = word_of(3, HG_KIND_HEARTBEAT_REPLY, e);
  outlet_vote(o, now, &o->event);
  const hg_fence_t fence = hg_election_authority(e, now);
  return check("election", silent && e->role == HG_ROLE_LEADER && fence.known && fence.full && fence.term == e->term);
}

hg_status_t outlet_init(hg_outlet_t *o)
{
  static const hg_protection_settings_t PROTECTION = {HG_PROTECTION_SETTINGS(HG_DEFAULT)};
  static const hg_request_settings_t REQUESTS = {HG_REQUEST_SETTINGS(HG_DEFAULT)};
  static const hg_detector_settings_t DETECTOR = {HG_DETECTOR_SETTINGS(HG_DEFAULT)};
  static const hg_relay_settings_t RELAY = {HG_RELAY_SETTINGS(HG_DEFAULT)};
  static const hg_election_settings_t ELECTION = {HG_ELECTION_SETTINGS(HG_DEFAULT)};
  static const hg_job_settings_t JOBS = {HG_JOB_SETTINGS(HG_DEFAULT)};
  static const hg_turn_on_settings_t TURN_ON = {HG_TURN_ON_SETTINGS(HG_DEFAULT)};
  static const char *const NAMES[] = {"kettle", "lamp", "fridge"};
  static const hg_load_droop_settings_t LOAD_DROOP = {HG_LOAD_DROOP_SETTINGS(HG_DEFAULT)};
  for (size_t k = 0; k < sizeof o->key; k++) {
    o->key[k] = (uint8_t)k;
  }
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    o->prototypes.noise[k] = 1.0F;
  }
  hg_member_t members[3];
  hg_directory_clear(&o->directory);
  for (size_t k = 0; k < 3; k++) {
    hg_directory_number(&o->directory, NAMES[k], &members[k]);
  }
  hg_durable_t durable = {.term = 4};
  const hg_status_t seated = hg_committee_init(&durable.committee, members, 3);
  const hg_birth_t birth = {.me = members[0], .incarnation = 1, .durable = &durable};
  o->chance = 2463534242U;
  hg_ring_clear(&o->ring);
  const hg_status_t statuses[] = {
    hg_fft_init(&o->fft), hg_protection_init(&o->protection, &PROTECTION),
    hg_requests_init(&o->requests, &REQUESTS, o->key, sizeof o->key), hg_relay_init(&o->relay, &RELAY),
    hg_cap_init(&o->cap, &RELAY), hg_load_droop_init(&o->load_droop, &LOAD_DROOP),
    seated, hg_election_init(&o->election, &ELECTION, &birth, 0.0, chance, &o->chance),
    hg_job_book_init(&o->jobs, &JOBS), hg_turn_on_init(&o->turn_on, &TURN_ON), hg_schedule_set(&o->schedule, NULL, 0),
    hg_detector_init(&o->detector, &DETECTOR, VECTOR_VOLTAGE_SCALE),
    hg_guard_init(&o->guard, PROTECTION.instant_current, VECTOR_CURRENT_SCALE),
    hg_prototypes_init(&o->prototypes, o->prototypes.noise)};
  for (size_t k = 0; k < sizeof statuses / sizeof statuses[0]; k++) {
    if (statuses[k] != HG_OK) {
      return statuses[k];
    }
  }
  return HG_OK;
}

bool outlet_sample(hg_outlet_t *o, int16_t voltage, int16_t current)
{
  hg_ring_put(&o->ring, voltage, current);
  if (hg_guard_step(&o->guard, current)) {
    hg_protection_short(&o->protection);
  }
  return hg_detector_step(&o->detector, voltage);
}

hg_status_t outlet_window(hg_outlet_t *o)
{
  hg_status_t status = hg_ring_latest(&o->ring, VECTOR_SAMPLES, o->voltage, o->current);
  const hg_window_t window = {.voltage = o->voltage, .current = o->current, .n = VECTOR_SAMPLES,
                              .scale = {VECTOR_VOLTAGE_SCALE, VECTOR_CURRENT_SCALE},
                              .sampling_rate = VECTOR_RATE};
  status = status != HG_OK ? status : hg_align(&window, VECTOR_NOMINAL, VECTOR_CYCLES, &o->aligned);
  status = status != HG_OK ? status : hg_meter(&o->fft, &o->aligned, &o->metering);
  status = status != HG_OK ? status : hg_signature(&o->fft, &o->wavelet, &o->aligned, &o->signature);
  status = status != HG_OK ? status : hg_signature_vector(&o->signature, o->vector);
  if (status != HG_OK) {
    return status;
  }
  int place;
  double distance;
  hg_appliance_view(o->vector, o->view);
  return hg_prototypes_recognise(&o->prototypes, o->view, &place, &distance);
}

/* Keys beside the image: the old one signs until the new one begins; another outlet's are not believed. */
static int test_keys(void)
{
  hg_keyring_t requests, ballots;
  int failed = check("keys", hg_key_image_read(VECTOR_KEYS, sizeof VECTOR_KEYS, "me", &requests, &ballots) == HG_OK &&
                               requests.count == 2 && ballots.count == 1 && ballots.keys[0].secret[31] == 'b' &&
                               hg_keyring_signs(&requests, 1.8e9)->epoch == 2 &&
                               hg_keyring_signs(&requests, 1.9e9)->epoch == 3);
  failed += check("keys of another", hg_key_image_read(VECTOR_KEYS, sizeof VECTOR_KEYS, "you", &requests, &ballots) ==
                                         HG_ERROR_ARGUMENT && requests.required && requests.count == 0);
  return failed;
}

int selftest(hg_outlet_t *o)
{
  int failed = check("init", outlet_init(o) == HG_OK) + test_keys();
  failed += test_sha256() + test_protection(o) + test_request(o) + test_election(o) + test_memory(o);
  bool flagged = false;
  for (size_t k = 0; k < VECTOR_SAMPLES; k++) {
    flagged = outlet_sample(o, VECTOR_VOLTAGE[k], VECTOR_CURRENT[k]) || flagged;
  }
  failed += check("supply", !flagged && o->detector.evidence == HG_EVIDENCE_NONE);
  failed += check("lesson", outlet_window(o) == HG_OK &&
                                hg_prototypes_teach(&o->prototypes, o->view, 1, "kettle\tone", NULL) == HG_OK);
  failed += check("window", outlet_window(o) == HG_OK);
  say_number("frequency", o->metering.frequency);
  say_number("voltage", o->metering.voltage);
  say_number("current", o->metering.current);
  say_number("active_power", o->metering.active_power);
  say_number("reactive_power", o->metering.reactive_power);
  for (size_t k = 0; k < HG_SIGNATURE_FEATURES; k++) {
    say_number("feature", o->vector[k]);
  }
  size_t cut = 0;
  while (cut < 200 && !outlet_sample(o, 0, 0)) {
    cut++;
  }
  say_number("outage_samples", (double)cut);
  failed += check("outage", cut < 64); /* within half a cycle */
  return failed;
}
