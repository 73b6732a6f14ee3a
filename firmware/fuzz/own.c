/* What an outlet learns: any story, and kept bytes of which some are turned, leave a book that can be walked. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "own.h"

static void word(input_t *in, char *to)
{
  memset(to, 0, 4);
  for (uint64_t k = take(in, 1) % 4; k > 0; k--) {
    to[k - 1] = (char)('a' + take(in, 1) % 3);
  }
}

static void tell(hg_own_t *own, input_t *in, double now, uint32_t *sequence, hg_own_actions_t *did)
{
  hg_seen_t seen = {.sequence = *sequence += (uint32_t)take(in, 1) % 3, .time = number(in, now), .duration = 0.2,
                    .active_power = number(in, 100.0), .apparent_power = 100.0, .changed = take(in, 1) % 2 == 0};
  hg_told_t told = {.sequence = *sequence, .time = now, .state = (hg_identity_t)(take(in, 1) % 4), .probability = 0.95};
  hg_label_t label = {.begin = now - 5.0, .end = number(in, now + 5.0), .said = now};
  switch (take(in, 1) % 5) {
    case 0:
      for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
        seen.view[k] = k % 7 == 0 ? (float)(take(in, 1) % 16) * 0.1F : 0.0F;
      }
      hg_own_see(own, now, &seen, did);
      break;
    case 1:
      word(in, told.type);
      word(in, told.model);
      hg_own_hear(own, now, &told, did);
      break;
    case 2:
      word(in, label.type);
      hg_own_label(own, now, &label, did);
      break;
    case 3: hg_own_undo(own, now, did); break;
    default: hg_own_step(own, now, did);
  }
}

void fuzz_own(input_t *in)
{
  static const hg_own_settings_t SETTINGS = {HG_OWN_SETTINGS(HG_DEFAULT)};
  hg_own_t *own = malloc(sizeof *own);
  hg_own_actions_t did;
  uint32_t sequence = 0;
  size_t count;
  double now = 1e9;
  EXPECT(own != NULL && hg_own_init(own, &SETTINGS) == HG_OK);
  for (int steps = 0; in->size > 0 && steps < 200; steps++) {
    tell(own, in, now, &sequence, &did);
    EXPECT(!did.answers || did.answer.count <= HG_IDENTIFIER_CANDIDATES);
    now += (double)(take(in, 1) % 16);
    if (take(in, 1) % 32 == 0) {
      for (uint64_t turns = take(in, 1) % 3; turns > 0; turns--) {
        ((uint8_t *)&own->kept)[take(in, 2) % sizeof own->kept] = (uint8_t)take(in, 1);
      }
      (void)hg_own_restore(own, hg_own_size(own));
    }
    EXPECT(own->kept.book.used <= HG_PROTOTYPES_MAX && own->kept.used <= HG_OWN_UNDO_MAX);
    EXPECT(hg_prototypes_sound(own->kept.book.bytes, own->kept.book.used, &count));
  }
  free(own);
}
