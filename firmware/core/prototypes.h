/* The devices an outlet knows by itself: a bounded book of prototypes of appliance views, packed as it is kept.
 * Twin of hearthgrid_core.devices.prototypes with the bound of devices.own. */
#ifndef HEARTHGRID_PROTOTYPES_H
#define HEARTHGRID_PROTOTYPES_H

#include "common.h"

#define HG_LESSON_MAX 8 /* windows of one lesson */
/* A prototype: looks, length of the name, a place of two bytes, the name, the mean. */
#define HG_PROTOTYPE_HEAD 4U
#define HG_PROTOTYPE_BYTES(name) (HG_PROTOTYPE_HEAD + (name) + 4U * HG_VIEW_FEATURES)
#define HG_PROTOTYPES_MAX (HG_OWN_BOOK_MAX - 4U * HG_VIEW_FEATURES) /* the rest of the bound is the noise */
#define HG_PROTOTYPES_ROOM (HG_PROTOTYPES_MAX + HG_LESSON_MAX * HG_PROTOTYPE_BYTES(HG_PROTOTYPES_NAME_LENGTH))
#define HG_PROTOTYPES_COUNT (HG_PROTOTYPES_ROOM / HG_PROTOTYPE_BYTES(1)) /* at most */

typedef struct {
  float noise[HG_VIEW_FEATURES]; /* deviation between two looks at one device */
  uint32_t used;
  uint8_t bytes[HG_PROTOTYPES_ROOM];
} hg_prototypes_t;

/* Told of every prototype of another name that a lesson drops; its place is that among the others before the lesson. */
typedef struct {
  void (*take)(void *context, const uint8_t *prototype);
  void *context;
} hg_lost_t;

hg_status_t hg_prototypes_init(hg_prototypes_t *known, const float noise[HG_VIEW_FEATURES]);

uint32_t hg_prototype_size(const uint8_t *prototype);
uint32_t hg_prototype_place(const uint8_t *prototype);
void hg_prototype_set_place(uint8_t *prototype, uint32_t place);
void hg_prototype_mean(const uint8_t *prototype, float mean[HG_VIEW_FEATURES]);
bool hg_prototype_is(const uint8_t *prototype, const char *name);
void hg_prototype_name(const uint8_t *prototype, char name[HG_PROTOTYPES_NAME_LENGTH + 1]);

/* Whether bytes are whole prototypes that can be, one behind the other; and how many. */
bool hg_prototypes_sound(const uint8_t *bytes, uint32_t length, size_t *count);

/* Learn a device from labelled views (k, HG_VIEW_FEATURES); HG_ERROR_ARGUMENT, nothing changed, on what cannot be used.
 * lost: NULL = nobody needs to know. */
hg_status_t hg_prototypes_teach(hg_prototypes_t *known, const double *windows, size_t k, const char *name,
                                const hg_lost_t *lost);

/* The distance of a prototype from a view over noise. */
double hg_prototypes_distance(const hg_prototypes_t *known, const uint8_t *prototype, const double *window);

/* Where the nearest prototype stands in `bytes`, -1 where nothing is near enough, and its distance. */
hg_status_t hg_prototypes_recognise(const hg_prototypes_t *known, const double *window, int *at, double *distance);

/* Recognise, and refine the prototype where it was surely this device; -1 otherwise. */
hg_status_t hg_prototypes_follow(hg_prototypes_t *known, const double *window, int *at);

/* Forget `name`; then set prototypes (packed), those of others where they stood among the others, its own where they
 * stood among all. Each lot may be in any order, no place twice. */
void hg_prototypes_put_back(hg_prototypes_t *known, const char *name, const uint8_t *own, uint32_t own_length,
                            const uint8_t *gone, uint32_t gone_length);

#endif
