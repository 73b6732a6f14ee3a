#include <string.h>

#include "key_image.h"
#include "parts.h"

/* The key a code is to be judged by: the one it fits, else one that nobody has. Most of the time there is one only, and
 * the judge computes the code once. */
static hg_key_choice_t choose(const struct hg_app *app, const hg_keyring_t *ring, double wall, const uint8_t *packed,
                              size_t length, const uint8_t *mac, size_t mac_length)
{
  const hg_key_t *found = NULL;
  size_t live = 0;
  for (size_t k = 0; k < ring->count; k++) {
    if (wall < ring->keys[k].ends) {
      found = &ring->keys[k];
      live++;
    }
  }
  if (live > 1) {
    found = hg_keyring_fits(ring, wall, packed, length, mac, mac_length);
  }
  if (!ring->required) {
    return (hg_key_choice_t){NULL, 0};
  }
  return found != NULL ? (hg_key_choice_t){found->secret, found->length}
                       : (hg_key_choice_t){app->nobody, sizeof app->nobody};
}

hg_key_choice_t hg_keys_request(const struct hg_app *app, double wall, const hg_request_t *r)
{
  return choose(app, &app->request_keys, wall, r->packed, r->packed_length, r->mac, r->mac_length);
}

hg_key_choice_t hg_keys_ballot(const struct hg_app *app, double wall, const hg_mail_ballot_t *b)
{
  uint8_t packed[HG_BALLOT_PACKED_MAX];
  size_t length = 0;
  if (app->ballot_keys.count > 1 && hg_ballot_pack(&b->wire, b->stamp, packed, sizeof packed, &length) != HG_OK) {
    length = 0; /* its judge cannot pack it either */
  }
  return choose(app, &app->ballot_keys, wall, packed, length, b->mac, b->mac_length);
}

void hg_app_keys(struct hg_app *app, const hg_keyring_t *requests, const hg_keyring_t *ballots)
{
  app->request_keys = *requests;
  app->ballot_keys = *ballots;
  app->requests.key = app->permits.key = app->seal.key = app->nobody;
  app->requests.key_length = app->permits.key_length = requests->required ? sizeof app->nobody : 0;
  app->seal.key_length = ballots->required ? sizeof app->nobody : 0;
}

hg_status_t hg_keys_begin(struct hg_app *app)
{
  const hg_app_settings_t *s = &app->settings;
  hg_keyring_t requests, ballots;
  for (size_t k = 0; k < sizeof app->nobody; k += sizeof(uint32_t)) {
    const uint32_t bits = app->platform.random(app->platform.context);
    memcpy(app->nobody + k, &bits, sizeof bits);
  }
  const hg_status_t status = hg_keyring_of(&requests, s->request_key, s->request_key_length);
  const hg_status_t other = hg_keyring_of(&ballots, s->ballot_key, s->ballot_key_length);
  hg_app_keys(app, &requests, &ballots);
  return status != HG_OK ? status : other;
}

void hg_app_key_image(struct hg_app *app, const uint8_t *bytes, size_t length)
{
  hg_keyring_t requests, ballots;
  const hg_status_t status = hg_key_image_read(bytes, length, app->settings.id, &requests, &ballots);
  if (status == HG_ERROR_SHORT) {
    return;
  }
  app->keys_trouble = status != HG_OK;
  hg_app_keys(app, &requests, &ballots);
  if (status == HG_OK) {
    hg_app_say(app, HG_LOG_INFO, "its keys are those beside the image: %lu of its own, %lu of the home",
               (unsigned long)requests.count, (unsigned long)ballots.count);
  } else {
    hg_app_say(app, HG_LOG_ERROR, "the keys beside the image are %s: no command is obeyed",
               status == HG_ERROR_ARGUMENT ? "another outlet's" : "damaged");
  }
}
