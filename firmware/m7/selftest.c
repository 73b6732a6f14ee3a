/* Known answers, and the twin's vectors: the same on the host and on the target. Prints through `say`. */
#include "selftest.h"

#include <math.h>
#include <string.h>

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

hg_status_t outlet_init(hg_outlet_t *o)
{
  static const hg_protection_settings_t PROTECTION = {HG_PROTECTION_SETTINGS(HG_DEFAULT)};
  static const hg_request_settings_t REQUESTS = {HG_REQUEST_SETTINGS(HG_DEFAULT)};
  static const hg_detector_settings_t DETECTOR = {HG_DETECTOR_SETTINGS(HG_DEFAULT)};
  static const hg_relay_settings_t RELAY = {HG_RELAY_SETTINGS(HG_DEFAULT)};
  static const hg_load_droop_settings_t LOAD_DROOP = {HG_LOAD_DROOP_SETTINGS(HG_DEFAULT)};
  for (size_t k = 0; k < sizeof o->key; k++) {
    o->key[k] = (uint8_t)k;
  }
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    o->prototypes.noise[k] = 1.0F;
  }
  hg_ring_clear(&o->ring);
  hg_kernel_init(&o->kernel);
  const hg_status_t statuses[] = {
    hg_fft_init(&o->fft), hg_protection_init(&o->protection, &PROTECTION),
    hg_requests_init(&o->requests, &REQUESTS, o->key, sizeof o->key), hg_relay_init(&o->relay, &RELAY),
    hg_cap_init(&o->cap, &RELAY), hg_load_droop_init(&o->load_droop, &LOAD_DROOP),
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
  status = status != HG_OK ? status : hg_align(&o->kernel, &window, VECTOR_NOMINAL, VECTOR_CYCLES, &o->aligned);
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

int selftest(hg_outlet_t *o)
{
  int failed = check("init", outlet_init(o) == HG_OK);
  failed += test_sha256() + test_protection(o) + test_request(o);
  bool flagged = false;
  for (size_t k = 0; k < VECTOR_SAMPLES; k++) {
    flagged = outlet_sample(o, VECTOR_VOLTAGE[k], VECTOR_CURRENT[k]) || flagged;
  }
  failed += check("supply", !flagged && o->detector.evidence == HG_EVIDENCE_NONE);
  failed += check("lesson", outlet_window(o) == HG_OK &&
                                hg_prototypes_teach(&o->prototypes, o->view, 1, "kettle\tone") == HG_OK);
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
