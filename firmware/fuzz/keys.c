/* Who may be believed: permits of calls, and the home's key file, which others write. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "journal.h"
#include "key_image.h"
#include "permit.h"
#include "posix.h"

#define TEXT_MAX 2048U

/* What is refused changes nothing; what is taken permits one call. */
void fuzz_permits(input_t *in)
{
  static const uint8_t KEY[16] = {1, 2, 3};
  static hg_permits_t book, before;
  const bool keyed = take(in, 1) % 8 != 0;
  double now = 1e9;
  hg_permits_init(&book, now, KEY, keyed ? sizeof KEY : 0);
  while (in->size > 0) {
    uint8_t body[4], packed[32], mac[HG_AUTHENTIC_MAC_BYTES + 1];
    char reason[HG_REASON_LENGTH + 1] = "", words[HG_PERMIT_LENGTH + 1];
    hg_request_t r = {.voice = take(in, 1) % 8 != 0 ? HG_PERMIT_CALL : (int)take(in, 1) % 8,
                      .epoch = (uint32_t)take(in, 1) % 3, .counter = take(in, 1), .packed = packed, .mac = mac,
                      .mac_length = take(in, 1) % (sizeof mac + 1)};
    any(in, r.sender, take(in, 1) % 3);
    any(in, body, sizeof body);
    hg_permit_words("/home/kettle/set_priority", body, take(in, 1) % (sizeof body + 1), words);
    EXPECT(strlen(words) == HG_PERMIT_LENGTH);
    memcpy(reason, words, sizeof words);
    if (take(in, 1) % 8 == 0) {
      any(in, reason, take(in, 1) % sizeof reason);
    }
    r.stamp = number(in, now);
    r.expiry = number(in, r.stamp + 5.0);
    r.packed_length = take(in, 1) % (sizeof packed + 1);
    any(in, packed, sizeof packed);
    any(in, mac, sizeof mac);
    if (take(in, 1) % 4 != 0) {
      hg_sign(KEY, sizeof KEY, packed, r.packed_length, mac);
      r.mac_length = HG_AUTHENTIC_MAC_BYTES;
    }
    memcpy(&before, &book, sizeof book);
    if (hg_permits_hear(&book, now, &r, reason) == HG_REFUSAL_NONE) {
      EXPECT(hg_permits_hear(&book, now, &r, reason) == HG_REFUSAL_REPLAYED);
      if (take(in, 1) % 2 == 0) {
        EXPECT(hg_permits_use(&book, r.expiry, reason));
        EXPECT(hg_permits_use(&book, now, reason) == !keyed);
      }
    } else {
      EXPECT(memcmp(&before, &book, sizeof book) == 0);
    }
    now += (double)(take(in, 1) % 8);
  }
}

static void look_at(const hg_keyring_t *ring, double now)
{
  static const uint8_t PACKED[] = "what a code is over";
  uint8_t mac[HG_AUTHENTIC_MAC_BYTES];
  EXPECT(ring->required && ring->count <= HG_KEYRING_KEYS);
  for (size_t k = 0; k < ring->count; k++) {
    EXPECT(ring->keys[k].length > 0 && ring->keys[k].length <= HG_KEY_MAX);
  }
  const hg_key_t *signs = hg_keyring_signs(ring, now);
  if (signs != NULL) {
    hg_sign(signs->secret, signs->length, PACKED, sizeof PACKED, mac);
    EXPECT(hg_keyring_fits(ring, now, PACKED, sizeof PACKED, mac, sizeof mac) != NULL);
  }
}

/* A key file with some bytes turned, or made of the words such a file has: what it gives are keys. */
void fuzz_key_file(input_t *in)
{
  static const char FILE_[] =
    "{\n \"format\": \"hearthgrid keys 1\",\n \"home\": {\"epoch\": 1, \"keys\": [{\"epoch\": 1, \"key\": \"00ff\"}]},\n"
    " \"outlets\": {\"kettle\": {\"epoch\": 2, \"keys\": [{\"epoch\": 1, \"key\": \"12ab\", \"begins\": null,"
    " \"ends\": 1800000040.0},\n  {\"epoch\": 2, \"key\": \"34cd\", \"begins\": 1800000010.0, \"ends\": null}]}}}\n";
  static const char *const WORDS[] = {"{", "}", "[", "]", "\"", ": ", ", ", " \n", "{}", "[]", "{\"key\":\"12ab\"}",
                                      "\"home\"", "\"outlets\"", "\"kettle\"", "\"keys\"", "\"key\"", "\"epoch\"",
                                      "\"begins\"", "\"ends\"", "null", "a1b2", "-1e99", "nan", "1800000000.0"};
  static char text[TEXT_MAX];
  hg_keyring_t requests, ballots;
  size_t turned = 0, length = sizeof FILE_ - 1;
  memcpy(text, FILE_, sizeof FILE_);
  if (take(in, 1) % 2 == 0) {
    for (turned = take(in, 1) % 5; turned > 0 && in->size > 0; turned--) {
      text[take(in, 2) % length] = (char)take(in, 1);
    }
    turned = 1;
  } else if (take(in, 1) % 16 != 0) {
    length = (size_t)(strstr(text, "\"home\"") - text);
    turned = 1;
    while (in->size > 0 && length < sizeof text - 32) {
      const char *word = WORDS[take(in, 1) % (sizeof WORDS / sizeof WORDS[0])];
      memcpy(text + length, word, strlen(word));
      length += strlen(word);
    }
  }
  char *exact = malloc(length + 1); /* so that a look behind the end is seen */
  EXPECT(exact != NULL);
  memcpy(exact, text, length);
  exact[length] = 0;
  const bool good = hg_posix_keys_text(exact, "kettle", &requests, &ballots);
  EXPECT(good || turned > 0);
  EXPECT(turned > 0 || (requests.count == 2 && ballots.count == 1 && ballots.keys[0].secret[1] == 0xff));
  if (good) {
    look_at(&requests, number(in, 1.8e9));
    look_at(&ballots, number(in, 1.8e9));
  }
  free(exact);
}

/* An image with some bytes turned, its check sum right or not: what it gives are keys, or none at all. */
void fuzz_key_image(input_t *in)
{
  uint8_t text[] = "HGKEYS 1\0\0\6kettle\1"
                   "\1\0\0\0\0\0\0\0\0\0\360\377\0\0\0\0\0\0\360\177\2ab"
                   "\1"
                   "\2\0\0\0\0\0\0\0\0\0\360\377\0\0\0\0\0\0\360\177\2cd____";
  const size_t length = sizeof text - 1, whole = length - 4;
  hg_keyring_t requests, ballots;
  text[8] = (uint8_t)whole;
  const bool turned = take(in, 1) % 8 != 0;
  for (uint64_t turns = turned ? take(in, 1) % 5 : 0; turns > 0; turns--) {
    text[take(in, 2) % whole] = (uint8_t)take(in, 1);
  }
  const uint32_t sum = hg_crc32(0, text, (uint32_t)whole) + (take(in, 1) % 8 == 0);
  for (size_t k = 0; k < 4; k++) {
    text[whole + k] = (uint8_t)(sum >> 8 * k);
  }
  uint8_t *exact = malloc(length);
  EXPECT(exact != NULL);
  memcpy(exact, text, length);
  const size_t given = take(in, 1) % 8 != 0 ? length : (size_t)take(in, 1) % length;
  const hg_status_t status = hg_key_image_read(exact, given, "kettle", &requests, &ballots);
  free(exact);
  look_at(&requests, number(in, 1.8e9));
  look_at(&ballots, number(in, 1.8e9));
  EXPECT(status == HG_OK || (requests.count == 0 && ballots.count == 0));
}
