/* Bytes nobody meant: what comes from the network and from flash, fed to what reads it, under sanitizers. Each entry
 * also has to keep its promises: nothing refused changes anything, and what was kept comes back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "election.h"
#include "input.h"
#include "job.h"
#include "journal.h"
#include "kept.h"
#include "protection.h"
#include "requests.h"
#include "schedule.h"
#include "seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLASH_SECTOR 512U
#define FLASH_SLOT 128U

static void fuzz_requests(input_t *in)
{
  static const hg_request_settings_t SETTINGS = {HG_REQUEST_SETTINGS(HG_DEFAULT)};
  static const uint8_t KEY[16] = {1, 2, 3};
  static hg_requests_t book, before;
  const bool keyed = take(in, 1) % 2 == 0;
  EXPECT(hg_requests_init(&book, &SETTINGS, KEY, keyed ? sizeof KEY : 0) == HG_OK);
  double now = 1e9;
  while (in->size > 0) {
    uint8_t packed[HG_PACKED_MAX], mac[HG_AUTHENTIC_MAC_BYTES + 1];
    hg_wire_request_t wire = {.stamp = (int64_t)take(in, 8), .voice = (uint8_t)take(in, 1),
                              .term = (uint32_t)take(in, 4)};
    size_t length = 0;
    name(in, wire.sender, sizeof wire.sender);
    any(in, wire.reason, take(in, 1) % sizeof wire.reason);
    const hg_status_t status = hg_pack(&wire, packed, take(in, 1) % 8 == 0 ? take(in, 1) : sizeof packed, &length);
    EXPECT(status == HG_OK ? length <= sizeof packed : status == HG_ERROR_ARGUMENT);
    hg_request_t r = {.voice = (int)take(in, 1) % 8, .epoch = (uint32_t)take(in, 1) % 3,
                      .term = (uint32_t)take(in, 1) % 3, .counter = take(in, 1) % 8,
                      .power_min = number(in, 0.0), .power_max = number(in, 500.0),
                      .provisional = take(in, 1) % 2 == 0, .packed = packed,
                      .packed_length = status == HG_OK ? length : 0,
                      .mac = mac};
    memcpy(r.sender, wire.sender, sizeof r.sender);
    r.sender[HG_SENDER_LENGTH] = 0; /* a request's text has an end; a wire's may not */
    r.stamp = number(in, now);
    r.expiry = number(in, now + 60.0);
    any(in, mac, sizeof mac);
    r.mac_length = take(in, 1) % (sizeof mac + 1);
    const bool signs = take(in, 1) % 4 != 0;
    if (signs) {
      hg_sign(KEY, sizeof KEY, packed, r.packed_length, mac);
      r.mac_length = HG_AUTHENTIC_MAC_BYTES;
    }
    now += (double)(take(in, 1) % 4) * 20.0;
    hg_word_t words[HG_REQUEST_SENDERS];
    hg_requests_words(&book, now, 0, words);
    memcpy(&before, &book, sizeof before);
    const hg_refusal_t refusal = hg_requests_receive(&book, now, &r);
    EXPECT(!(keyed && !signs && refusal == HG_REFUSAL_NONE && r.mac_length != HG_AUTHENTIC_MAC_BYTES));
    EXPECT(refusal == HG_REFUSAL_NONE ||
           (before.highest_epoch == book.highest_epoch && before.highest_term == book.highest_term));
    const size_t count = hg_requests_words(&book, now, (unsigned)take(in, 1), words);
    const hg_word_t agreed = hg_settle(words, count);
    EXPECT(agreed.band.power_min >= 0.0 && agreed.band.power_min <= agreed.band.power_max);
  }
}

static double half(void *context) { return *(const double *)context; }

static void read_ballot(input_t *in, hg_wire_ballot_t *wire)
{
  *wire = (hg_wire_ballot_t){.kind = (uint8_t)take(in, 1) % 11, .mode = (uint8_t)take(in, 1) % 10,
                             .granted = take(in, 1) % 2 == 0, .remembers = take(in, 1) % 2 == 0,
                             .incarnation = take(in, 1) % 3, .round = take(in, 1) % 8,
                             .epoch = (uint32_t)take(in, 1) % 3,
                             .term = (uint32_t)take(in, 1), .committee_term = (uint32_t)take(in, 1) % 8,
                             .committee_version = (uint32_t)take(in, 1) % 8};
  if (wire->term > 8) {
    wire->term = wire->term > 250 ? (uint32_t)take(in, 4) : wire->term % 8;
  }
  wire->count = take(in, 1) % 16 == 0 ? (size_t)take(in, 8) : 1 + take(in, 1) % HG_COMMITTEE_SIZE_MAX;
  name(in, wire->sender, sizeof wire->sender);
  name(in, wire->receiver, sizeof wire->receiver);
  name(in, wire->leader, sizeof wire->leader);
  static const char *const SEATS[] = {"kettle", "lamp", "fridge"};
  const bool usual = take(in, 1) % 2 == 0;
  wire->count = usual ? 3 : wire->count;
  for (size_t k = 0; k < HG_COMMITTEE_SIZE_MAX; k++) {
    if (usual && k < 3) {
      memcpy(wire->committee[k], SEATS[k], strlen(SEATS[k]) + 1);
    } else if (!usual) {
      name(in, wire->committee[k], sizeof wire->committee[k]);
    }
  }
}

static void fuzz_ballots(input_t *in)
{
  static const hg_election_settings_t SETTINGS = {HG_ELECTION_SETTINGS(HG_DEFAULT)};
  static hg_directory_t directory;
  static hg_election_t election;
  static hg_actions_t out;
  static hg_wire_ballot_t wire, again;
  static const char *const NAMES[] = {"kettle", "lamp", "fridge"};
  double draw = (double)(take(in, 1)) / 256.0, now = 0.0;
  hg_member_t members[3];
  hg_committee_t commissioned;
  hg_directory_clear(&directory);
  for (size_t k = 0; k < 3; k++) {
    EXPECT(hg_directory_number(&directory, NAMES[k], &members[k]) == HG_OK);
  }
  EXPECT(hg_committee_init(&commissioned, members, 3) == HG_OK);
  const hg_durable_t durable = {.committee = commissioned};
  const hg_birth_t birth = {.me = 1, .durable = take(in, 1) % 2 == 0 ? &durable : NULL, .members = members, .count = 3};
  EXPECT(hg_election_init(&election, &SETTINGS, &birth, now, half, &draw) == HG_OK);
  uint32_t asked = 0, term = 0;
  while (in->size > 0) {
    hg_event_t event = {.kind = HG_EVENT_MESSAGE};
    const uint64_t what = take(in, 1) % 8;
    const double later = now + (double)(take(in, 1) % 8) * 0.005;
    now = what == 0 && isfinite(election.deadline) ? fmax(now, election.deadline) : later;
    hg_status_t status = HG_OK;
    if (what == 1) {
      event.kind = HG_EVENT_PERSISTED;
      event.number = asked;
    } else if (what == 2) {
      event.kind = HG_EVENT_CHANGE;
      event.change = (hg_change_t){.add = (hg_member_t)take(in, 1), .remove = (hg_member_t)(take(in, 1) % 4)};
    } else if (what > 2) {
      read_ballot(in, &wire);
      const size_t known = directory.count;
      status = hg_ballot_read(&directory, &wire, 1, &election.committee, &commissioned, &event.message);
      EXPECT(status != HG_ERROR_ARGUMENT || directory.count == known);
      if (status == HG_OK) {
        hg_ballot_write(&directory, &event.message, &again);
        EXPECT(strcmp(again.sender, wire.sender) == 0 && again.term == wire.term && again.count == wire.count);
      }
    }
    if (status == HG_OK) {
      status = hg_election_step(&election, now, what == 0 ? NULL : &event, &out);
      EXPECT(what == 2 || status == HG_OK);
    }
    for (size_t k = 0; status == HG_OK && k < out.count; k++) {
      asked = out.items[k].persist ? out.items[k].number : asked;
    }
    EXPECT(election.term >= term && hg_committee_valid(&election.committee) && out.count < HG_ACTIONS_MAX);
    term = election.term;
  }
}

typedef struct {
  uint8_t bytes[2 * FLASH_SECTOR];
} image_t;

static bool flash_read(void *context, uint32_t at, uint8_t *out, uint32_t count)
{
  EXPECT(at + count <= 2 * FLASH_SECTOR);
  memcpy(out, ((image_t *)context)->bytes + at, count);
  return true;
}

static bool flash_program(void *context, uint32_t at, const uint8_t *bytes, uint32_t count)
{
  EXPECT(at + count <= 2 * FLASH_SECTOR);
  for (uint32_t k = 0; k < count; k++) {
    ((image_t *)context)->bytes[at + k] &= bytes[k];
  }
  return true;
}

static bool flash_erase(void *context, uint32_t sector)
{
  EXPECT(sector < 2);
  memset(((image_t *)context)->bytes + sector * FLASH_SECTOR, 0xff, FLASH_SECTOR);
  return true;
}

/* A flash with some records, some bytes of it turned: it opens, and what is written to it then is what comes back. */
static void fuzz_journal(input_t *in)
{
  static image_t image;
  static hg_directory_t directory;
  const hg_flash_t flash = {.read = flash_read, .program = flash_program, .erase = flash_erase, .context = &image,
                            .sector = FLASH_SECTOR, .slot = FLASH_SLOT};
  const uint32_t room = hg_journal_room(&flash);
  hg_journal_t journal;
  uint8_t out[FLASH_SLOT], payload[FLASH_SLOT];
  uint32_t length;
  memset(&image, 0xff, sizeof image);
  EXPECT(hg_journal_open(&journal, &flash, out, sizeof out, &length) == HG_OK && length == 0);
  for (uint64_t records = take(in, 1) % 10; records > 0; records--) {
    length = 1 + (uint32_t)take(in, 1) % room;
    any(in, payload, length);
    EXPECT(hg_journal_write(&journal, payload, length) == HG_OK);
  }
  for (uint64_t turns = take(in, 1) % 5; turns > 0; turns--) {
    image.bytes[take(in, 2) % sizeof image.bytes] = (uint8_t)take(in, 1);
  }
  const hg_status_t found = hg_journal_open(&journal, &flash, out, sizeof out, &length);
  EXPECT((found == HG_OK && length <= room) || found == HG_ERROR_DAMAGED || found == HG_ERROR_MEDIUM);
  hg_kept_t kept;
  hg_directory_clear(&directory);
  const hg_status_t read = hg_kept_read(&directory, out, found == HG_OK ? length : 0, &kept);
  EXPECT(read == HG_OK || read == HG_ERROR_DAMAGED);
  hg_status_t written = HG_ERROR_MEDIUM;
  memset(payload, 7, sizeof payload);
  for (int tries = 0; tries < 10 && written != HG_OK; tries++) {
    written = hg_journal_write(&journal, payload, 20);
  }
  EXPECT(written == HG_OK && hg_journal_open(&journal, &flash, out, sizeof out, &length) == HG_OK);
  EXPECT(length == 20 && memcmp(out, payload, 20) == 0);
}

/* What was read as a memory is written as the same bytes. */
static void fuzz_kept(input_t *in)
{
  static hg_directory_t directory;
  uint8_t bytes[HG_KEPT_BYTES], again[HG_KEPT_BYTES];
  const uint32_t size = (uint32_t)(take(in, 1) % sizeof bytes);
  uint32_t length;
  hg_kept_t kept;
  any(in, bytes, size);
  bytes[0] = take(in, 1) % 4 != 0 ? 1 : bytes[0]; /* its form */
  for (size_t k = 33; k < size && take(in, 1) % 8 != 0; k += 1U + bytes[k]) {
    bytes[k] %= 6; /* lengths of names that may be */
  }
  hg_directory_clear(&directory);
  if (hg_kept_read(&directory, bytes, size, &kept) == HG_OK) {
    EXPECT(hg_kept_write(&directory, &kept, again, sizeof again, &length) == HG_OK);
    EXPECT(length == size && memcmp(bytes, again, size) == 0);
  }
}

/* Rules, jobs and protection's memory that come from elsewhere. */
static void fuzz_rules(input_t *in)
{
  static const hg_job_settings_t JOBS = {HG_JOB_SETTINGS(HG_DEFAULT)};
  static const hg_protection_settings_t PROTECTION = {HG_PROTECTION_SETTINGS(HG_DEFAULT)};
  static hg_schedule_t schedule;
  hg_entry_t entries[HG_SCHEDULE_ENTRIES + 1];
  hg_job_book_t jobs;
  hg_protection_t protection;
  for (size_t k = 0; k < sizeof entries / sizeof entries[0]; k++) {
    entries[k] = (hg_entry_t){.days = (uint8_t)take(in, 1), .on = take(in, 1) % 2 == 0,
                              .start = (uint16_t)(take(in, 2) % 1500), .end = (uint16_t)(take(in, 2) % 1500),
                              .power_max = number(in, 100.0)};
  }
  schedule.count = 0;
  (void)hg_schedule_set(&schedule, entries, take(in, 1) % (sizeof entries / sizeof entries[0] + 2));
  const hg_entry_t *entry = hg_schedule_at(&schedule, (int)take(in, 1) - 4, (int)take(in, 2));
  EXPECT(entry == NULL || hg_entry_band(entry).power_min <= hg_entry_band(entry).power_max);
  hg_job_t job = {.energy_kwh = number(in, 1.0), .delivered_kwh = number(in, 0.5), .deadline = number(in, 1e3),
                  .power = number(in, 500.0), .status = (hg_job_status_t)(take(in, 1) % 8)};
  any(in, job.id, take(in, 1) % (sizeof job.id + 1));
  EXPECT(hg_job_book_init(&jobs, &JOBS) == HG_OK && hg_protection_init(&protection, &PROTECTION) == HG_OK);
  if (hg_job_book_restore(&jobs, &job) == HG_OK) {
    (void)hg_job_book_step(&jobs, number(in, 10.0), true, number(in, 400.0));
    EXPECT(!isnan(hg_job_book_latest_start(&jobs)));
    (void)hg_job_book_must_run(&jobs, 10.0);
  }
  if (hg_protection_restore(&protection, 10.0, (int)take(in, 1) % 6 - 1, number(in, 0.5), number(in, 5.0)) == HG_OK) {
    EXPECT(protection.thermal_load >= 0.0);
  }
}

/* Words under a key, and requests that were kept: a true word is heard once, what was damaged is not taken back. */
static void fuzz_seal(input_t *in)
{
  static const hg_request_settings_t REQUESTS = {HG_REQUEST_SETTINGS(HG_DEFAULT)};
  static hg_seal_t seal;
  static hg_wire_ballot_t wire;
  uint8_t key[32] = {1}, mac[HG_AUTHENTIC_MAC_BYTES] = {0};
  hg_requests_t book;
  hg_voice_record_t rows[2];
  hg_word_t words[HG_REQUEST_SENDERS];
  EXPECT(hg_seal_init(&seal, key, sizeof key, 5.0) == HG_OK);
  read_ballot(in, &wire);
  any(in, wire.sender, take(in, 1) % (sizeof wire.sender + 1));
  wire.count = take(in, 1);
  const int64_t stamp = (int64_t)take(in, 8);
  const double now = number(in, (double)stamp * 1e-9);
  EXPECT(hg_seal_judge(&seal, now, &wire, stamp, mac, take(in, 1) % (sizeof mac + 1)) != HG_SEAL_GOOD);
  const size_t length = hg_seal_sign(&seal, &wire, stamp, mac);
  const hg_seal_refusal_t first = hg_seal_judge(&seal, now, &wire, stamp, mac, length);
  EXPECT(first == HG_SEAL_GOOD || first == HG_SEAL_STALE || (first == HG_SEAL_UNSIGNED && length == 0));
  EXPECT(first != HG_SEAL_GOOD || hg_seal_judge(&seal, now, &wire, stamp, mac, length) == HG_SEAL_REPLAYED);
  EXPECT(hg_requests_init(&book, &REQUESTS, NULL, 0) == HG_OK);
  memset(rows, 0, sizeof rows);
  for (size_t k = 0; k < 2; k++) {
    rows[k].voice = (int)(take(in, 1) % 8) - 1;
    any(in, rows[k].sender, take(in, 1) % (sizeof rows[k].sender + 1));
    rows[k].expiry = number(in, 100.0);
    rows[k].band = (hg_band_t){number(in, 0.0), number(in, 500.0)};
  }
  if (hg_requests_restore(&book, 50.0, rows, 2) == HG_OK) {
    const hg_word_t agreed = hg_settle(words, hg_requests_words(&book, 50.0, 0, words));
    EXPECT(agreed.band.power_min <= agreed.band.power_max);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static void (*const ENTRIES[])(input_t *) = {fuzz_requests, fuzz_ballots, fuzz_journal, fuzz_kept, fuzz_rules,
                                              fuzz_seal, fuzz_permits, fuzz_key_file, fuzz_key_image,
                                              fuzz_own};
  input_t in = {.data = data, .size = size};
  const uint64_t entry = take(&in, 1) % (sizeof ENTRIES / sizeof ENTRIES[0]);
  ENTRIES[entry](&in);
  return 0;
}
