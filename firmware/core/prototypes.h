/* The devices an outlet knows by itself: a bounded book of prototypes of appliance views.
 * Twin of hearthgrid_core.devices.prototypes. */
#ifndef HEARTHGRID_PROTOTYPES_H
#define HEARTHGRID_PROTOTYPES_H

#include "common.h"

#define HG_LESSON_MAX 8 /* windows of one lesson */
/* As many as BYTES_MAX holds at the least a prototype takes, and a lesson on top. */
#define HG_PROTOTYPES_ROOM (HG_PROTOTYPES_BYTES_MAX / (4 * HG_VIEW_FEATURES + 5) + HG_LESSON_MAX)

typedef struct {
  float mean[HG_VIEW_FEATURES];
  int count;
  char name[HG_PROTOTYPES_NAME_LENGTH + 1];
} hg_prototype_t;

typedef struct {
  float noise[HG_VIEW_FEATURES]; /* deviation between two looks at one device */
  hg_prototype_t book[HG_PROTOTYPES_ROOM];
  size_t count;
} hg_prototypes_t;

hg_status_t hg_prototypes_init(hg_prototypes_t *known, const float noise[HG_VIEW_FEATURES]);

/* Learn a device from labelled views (k, HG_VIEW_FEATURES); HG_ERROR_ARGUMENT, nothing changed, on what cannot be used. */
hg_status_t hg_prototypes_teach(hg_prototypes_t *known, const double *windows, size_t k, const char *name);

/* The nearest prototype's place in the book, -1 where nothing is near enough, and its distance over noise. */
hg_status_t hg_prototypes_recognise(const hg_prototypes_t *known, const double *window, int *place, double *distance);

/* Recognise, and refine the prototype where it was surely this device; place -1 otherwise. */
hg_status_t hg_prototypes_follow(hg_prototypes_t *known, const double *window, int *place);

#endif
