#include "prototypes.h"

#include <math.h>
#include <string.h>

#define VALUE_MAX 1e4 /* no feature of a signature is near it */
#define STAYS 0xffffU /* as the place of one that is in the book already */
#define BOTH_MAX (HG_PROTOTYPES_COUNT + HG_OWN_UNDO_MAX / HG_PROTOTYPE_BYTES(1))

/* One prototype. */

uint32_t hg_prototype_size(const uint8_t *p) { return HG_PROTOTYPE_BYTES(p[1]); }
uint32_t hg_prototype_place(const uint8_t *p) { return p[2] | (uint32_t)p[3] << 8; }

void hg_prototype_set_place(uint8_t *p, uint32_t place)
{
  p[2] = (uint8_t)place;
  p[3] = (uint8_t)(place >> 8);
}

void hg_prototype_mean(const uint8_t *p, float mean[HG_VIEW_FEATURES])
{
  memcpy(mean, p + HG_PROTOTYPE_HEAD + p[1], 4U * HG_VIEW_FEATURES);
}

bool hg_prototype_is(const uint8_t *p, const char *name)
{
  return strlen(name) == p[1] && memcmp(p + HG_PROTOTYPE_HEAD, name, p[1]) == 0;
}

void hg_prototype_name(const uint8_t *p, char name[HG_PROTOTYPES_NAME_LENGTH + 1])
{
  memset(name, 0, HG_PROTOTYPES_NAME_LENGTH + 1);
  memcpy(name, p + HG_PROTOTYPE_HEAD, p[1]);
}

static bool alike(const uint8_t *a, const uint8_t *b)
{
  return a[1] == b[1] && memcmp(a + HG_PROTOTYPE_HEAD, b + HG_PROTOTYPE_HEAD, a[1]) == 0;
}

bool hg_prototypes_sound(const uint8_t *bytes, uint32_t length, size_t *count)
{
  *count = 0;
  for (uint32_t at = 0; at < length; at += hg_prototype_size(bytes + at), (*count)++) {
    const uint8_t *p = bytes + at;
    float mean[HG_VIEW_FEATURES];
    if (length - at < HG_PROTOTYPE_HEAD || p[1] == 0 || p[1] > HG_PROTOTYPES_NAME_LENGTH ||
        length - at < hg_prototype_size(p) || p[0] == 0 || p[0] > HG_PROTOTYPES_COUNT_MAX ||
        memchr(p + HG_PROTOTYPE_HEAD, 0, p[1]) != NULL) {
      return false;
    }
    hg_prototype_mean(p, mean);
    for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
      if (!isfinite(mean[k])) {
        return false;
      }
    }
  }
  return true;
}

static bool usable(const double *window)
{
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    if (!(fabs(window[k]) <= VALUE_MAX)) {
      return false;
    }
  }
  return true;
}

double hg_prototypes_distance(const hg_prototypes_t *known, const uint8_t *p, const double *window)
{
  float mean[HG_VIEW_FEATURES];
  double sum = 0.0;
  hg_prototype_mean(p, mean);
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    const double apart = ((double)mean[k] - window[k]) / (double)known->noise[k];
    sum += apart * apart;
  }
  return sqrt(sum / HG_VIEW_FEATURES);
}

static void move(uint8_t *p, const double *window)
{
  float mean[HG_VIEW_FEATURES];
  p[0] = (uint8_t)(p[0] < HG_PROTOTYPES_COUNT_MAX ? p[0] + 1 : HG_PROTOTYPES_COUNT_MAX);
  hg_prototype_mean(p, mean);
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    mean[k] = (float)((double)mean[k] + (window[k] - (double)mean[k]) / p[0]);
  }
  memcpy(p + HG_PROTOTYPE_HEAD + p[1], mean, sizeof mean);
}

/* The book. */

#define EACH(at, known) (uint32_t at = 0; at < (known)->used; at += hg_prototype_size((known)->bytes + at))

static void drop(hg_prototypes_t *known, uint32_t at, const char *name, const hg_lost_t *lost)
{
  uint8_t *p = known->bytes + at;
  const uint32_t size = hg_prototype_size(p);
  if (lost != NULL && !hg_prototype_is(p, name)) {
    lost->take(lost->context, p);
  }
  known->used -= size;
  memmove(p, p + size, known->used - at);
}

/* Which of (n) prototypes is too many: of a name that has more than it may have, or where all take too many bytes the
 * one seen least often; the only one of a name goes last. n = none. */
static size_t surplus(const uint8_t *const *all, size_t n, const char *name)
{
  size_t own = 0, bytes = 0, out = n, least = n;
  for (size_t k = 0; k < n; k++) {
    own += hg_prototype_is(all[k], name);
    bytes += hg_prototype_size(all[k]);
  }
  const bool full = bytes > HG_PROTOTYPES_MAX, crowded = own > HG_PROTOTYPES_PER_NAME;
  for (size_t k = 0; k < n && (crowded || full); k++) {
    size_t same = 0;
    for (size_t j = 0; j < n && !crowded; j++) {
      same += alike(all[j], all[k]);
    }
    if ((crowded ? hg_prototype_is(all[k], name) : same > 1) && (out == n || all[k][0] < all[out][0])) {
      out = k;
    }
    least = least == n || all[k][0] < all[least][0] ? k : least;
  }
  return out < n || !full ? out : least;
}

static void thin(hg_prototypes_t *known, const char *name, const hg_lost_t *lost)
{
  for (;;) {
    const uint8_t *all[HG_PROTOTYPES_COUNT];
    size_t n = 0;
    for EACH(at, known) {
      all[n++] = known->bytes + at;
    }
    const size_t out = surplus(all, n, name);
    if (out == n) {
      return;
    }
    drop(known, (uint32_t)(all[out] - known->bytes), name, lost);
  }
}

static void learn(hg_prototypes_t *known, const double *window, const char *name, const hg_lost_t *lost)
{
  uint32_t nearest = known->used;
  double best = (double)INFINITY;
  for (uint32_t at = 0; at < known->used;) {
    const uint8_t *p = known->bytes + at;
    const double distance = hg_prototypes_distance(known, p, window);
    const bool same = hg_prototype_is(p, name);
    if (!same && distance <= HG_PROTOTYPES_CLAIM) { /* it claimed this window and stands corrected */
      drop(known, at, name, lost);
      continue;
    }
    if (same && distance < best) {
      best = distance;
      nearest = at;
    }
    at += hg_prototype_size(p);
  }
  if (best <= HG_PROTOTYPES_SAME) {
    move(known->bytes + nearest, window);
    return;
  }
  uint8_t *p = known->bytes + known->used;
  float mean[HG_VIEW_FEATURES];
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    mean[k] = (float)window[k];
  }
  p[0] = 1;
  p[1] = (uint8_t)strlen(name);
  hg_prototype_set_place(p, 0);
  memcpy(p + HG_PROTOTYPE_HEAD, name, p[1]);
  memcpy(p + HG_PROTOTYPE_HEAD + p[1], mean, sizeof mean);
  known->used += hg_prototype_size(p);
}

hg_status_t hg_prototypes_init(hg_prototypes_t *known, const float noise[HG_VIEW_FEATURES])
{
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    if (!(isfinite(noise[k]) && noise[k] > 0.0F)) {
      return HG_ERROR_ARGUMENT;
    }
  }
  memmove(known->noise, noise, sizeof known->noise);
  known->used = 0;
  return HG_OK;
}

hg_status_t hg_prototypes_teach(hg_prototypes_t *known, const double *windows, size_t k, const char *name,
                                const hg_lost_t *lost)
{
  if (k == 0 || k > HG_LESSON_MAX || name[0] == 0 || memchr(name, 0, HG_PROTOTYPES_NAME_LENGTH + 1) == NULL) {
    return HG_ERROR_ARGUMENT;
  }
  for (size_t row = 0; row < k; row++) {
    if (!usable(windows + row * HG_VIEW_FEATURES)) {
      return HG_ERROR_ARGUMENT;
    }
  }
  uint32_t place = 0;
  for EACH(at, known) {
    hg_prototype_set_place(known->bytes + at, place);
    place += !hg_prototype_is(known->bytes + at, name);
  }
  for (size_t row = 0; row < k; row++) {
    learn(known, windows + row * HG_VIEW_FEATURES, name, lost);
  }
  thin(known, name, lost);
  return HG_OK;
}

hg_status_t hg_prototypes_recognise(const hg_prototypes_t *known, const double *window, int *at, double *distance)
{
  if (!usable(window)) {
    return HG_ERROR_ARGUMENT;
  }
  *at = -1;
  *distance = (double)INFINITY;
  for EACH(place, known) {
    const double found = hg_prototypes_distance(known, known->bytes + place, window);
    if (found < *distance) {
      *distance = found;
      *at = (int)place;
    }
  }
  *at = *distance <= HG_PROTOTYPES_NEAR ? *at : -1;
  return HG_OK;
}

hg_status_t hg_prototypes_follow(hg_prototypes_t *known, const double *window, int *at)
{
  int nearest;
  double distance;
  const hg_status_t status = hg_prototypes_recognise(known, window, &nearest, &distance);
  *at = -1;
  if (status != HG_OK || nearest < 0 || distance > HG_PROTOTYPES_SURE) {
    return status;
  }
  uint8_t *found = known->bytes + nearest;
  for EACH(place, known) {
    const uint8_t *p = known->bytes + place;
    if (!alike(p, found) && hg_prototypes_distance(known, p, window) < HG_PROTOTYPES_MARGIN * distance) {
      return HG_OK;
    }
  }
  move(found, window);
  *at = nearest;
  return HG_OK;
}

/* Put a prototype where it stood, behind the last where there are fewer. */
static void insert(const uint8_t **all, size_t *n, const uint8_t *p)
{
  const size_t place = hg_prototype_place(p) < *n ? hg_prototype_place(p) : *n;
  memmove(all + place + 1, all + place, (*n - place) * sizeof all[0]);
  all[place] = p;
  ++*n;
}

/* Those of one lot in the order of their places. */
static void insert_all(const uint8_t **all, size_t *n, const uint8_t *lot, uint32_t length)
{
  for (int64_t last = -1;;) {
    const uint8_t *next = NULL;
    for (uint32_t at = 0; at < length; at += hg_prototype_size(lot + at)) {
      const uint32_t place = hg_prototype_place(lot + at);
      if ((int64_t)place > last && (next == NULL || place < hg_prototype_place(next))) {
        next = lot + at;
      }
    }
    if (next == NULL || *n == BOTH_MAX) {
      return;
    }
    last = hg_prototype_place(next);
    insert(all, n, next);
  }
}

void hg_prototypes_put_back(hg_prototypes_t *known, const char *name, const uint8_t *own, uint32_t own_length,
                            const uint8_t *gone, uint32_t gone_length)
{
  const uint8_t *all[BOTH_MAX];
  bool stays[BOTH_MAX];
  size_t n = 0;
  for EACH(at, known) {
    hg_prototype_set_place(known->bytes + at, STAYS);
    if (!hg_prototype_is(known->bytes + at, name)) {
      all[n++] = known->bytes + at;
    }
  }
  insert_all(all, &n, gone, gone_length);
  insert_all(all, &n, own, own_length);
  for (size_t out; (out = surplus(all, n, name)) < n; n--) { /* before they take room that is not there */
    memmove(all + out, all + out + 1, (n - out - 1) * sizeof all[0]);
  }
  uint32_t at = 0;
  for (size_t k = 0; k < n; k++) { /* first those that stay, each towards the begin; then the others come between */
    const uint32_t size = hg_prototype_size(all[k]);
    stays[k] = hg_prototype_place(all[k]) == STAYS;
    if (stays[k]) {
      memmove(known->bytes + at, all[k], size);
      at += size;
    }
  }
  known->used = at;
  at = 0;
  for (size_t k = 0; k < n; k++) {
    uint8_t *to = known->bytes + at;
    if (!stays[k]) {
      const uint32_t size = hg_prototype_size(all[k]);
      memmove(to + size, to, known->used - at);
      memcpy(to, all[k], size);
      known->used += size;
    }
    at += hg_prototype_size(to);
  }
}
