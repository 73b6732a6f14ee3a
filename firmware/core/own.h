/* What an outlet knows by itself of the devices on it. Twin of hearthgrid_core.devices.own. */
#ifndef HEARTHGRID_OWN_H
#define HEARTHGRID_OWN_H

#include "prototypes.h"

#define HG_NAME_ROOM (HG_PROTOTYPES_NAME_LENGTH + 1) /* a type, a tab, a model */

typedef struct { HG_OWN_SETTINGS(HG_FIELD) } hg_own_settings_t;

/* What comes. Times in wall time [s], powers in [W], [VA]. */
typedef struct {
  uint32_t sequence;
  double time, duration; /* of its window */
  float view[HG_VIEW_FEATURES];
  double active_power, apparent_power;
  bool changed;          /* it was taken because the load changed */
} hg_seen_t;

typedef struct {
  uint32_t sequence;
  double time;           /* of the signature judged */
  hg_identity_t state;
  char type[HG_TEXT_TYPE + 1], model[HG_TEXT_MODEL + 1]; /* empty where it names none */
  double probability;
  bool own;              /* not the hub said it, but an outlet */
} hg_told_t;

typedef struct {
  char type[HG_TEXT_TYPE + 1], model[HG_TEXT_MODEL + 1];
  double begin, end, said; /* end: infinity = until the load changes after `said` */
} hg_label_t;

/* What it then does. */
typedef struct {
  hg_identity_t state;
  char type[HG_TEXT_TYPE + 1], model[HG_TEXT_MODEL + 1];
  double probability, model_probability; /* NaN = none given */
  double novelty;                        /* a logarithm, 0 at the bound of unknown; NaN = none given */
  size_t count;
  char candidates[HG_IDENTIFIER_CANDIDATES][HG_TEXT_TYPE + 1]; /* likeliest first */
  double chances[HG_IDENTIFIER_CANDIDATES];
} hg_identification_t;

typedef struct {
  bool answers, quiet, taught, moved; /* quiet: the hub is back; taught: must not be lost; moved: by use */
  uint32_t sequence;
  double time;
  hg_identification_t answer;
} hg_own_actions_t;

/* One correction, to take it back: in `undo` stand its name, the name before, its own prototypes, those it dropped. */
typedef struct {
  uint32_t number;
  uint16_t size, own, gone; /* [B] */
  uint8_t name, before;     /* lengths */
} hg_lesson_t;

/* What is kept over a restart: as it stands, up to the end of what is used of `undo`. */
typedef struct {
  uint16_t form, size;
  char named[HG_NAME_ROOM], last[HG_NAME_ROOM]; /* what a person called it; what it was last */
  hg_prototypes_t book;
  uint32_t lessons, used, numbers;
  hg_lesson_t lesson[HG_OWN_LESSONS];
  uint8_t undo[HG_OWN_UNDO_MAX];
} hg_own_kept_t;

typedef struct {
  uint32_t sequence;
  double time, end;
  float view[HG_VIEW_FEATURES];
  bool off, told;
  hg_identity_t state;
  char name[HG_NAME_ROOM]; /* the hub's last word on it */
} hg_own_look_t;

typedef struct {
  hg_own_settings_t settings;
  hg_own_kept_t kept;
  hg_own_look_t looks[HG_OWN_LOOKS]; /* oldest first */
  size_t count;
  struct {
    bool known;
    char name[HG_NAME_ROOM];
    double begin, end, said;
    uint32_t lesson;                 /* its number, 0 = it has taught nothing yet */
  } open;
  bool was_off, silent, waits, owes;
  uint32_t waiting;                  /* sequence of the look that nobody has answered */
  double owed;                       /* since when */
} hg_own_t;

/* Knowing nothing. HG_ERROR_ARGUMENT: settings out of bounds. */
hg_status_t hg_own_init(hg_own_t *own, const hg_own_settings_t *settings);

/* Bytes of `kept` that have to be kept; and whether so many bytes in `kept` can be believed: else it knows nothing. */
uint32_t hg_own_size(const hg_own_t *own);
hg_status_t hg_own_restore(hg_own_t *own, uint32_t length);

/* One thing that came, and what to do. HG_ERROR_ARGUMENT: it cannot be used, and nothing is done. */
hg_status_t hg_own_see(hg_own_t *own, double now, const hg_seen_t *seen, hg_own_actions_t *actions);
hg_status_t hg_own_hear(hg_own_t *own, double now, const hg_told_t *told, hg_own_actions_t *actions);
hg_status_t hg_own_label(hg_own_t *own, double now, const hg_label_t *label, hg_own_actions_t *actions);
hg_status_t hg_own_undo(hg_own_t *own, double now, hg_own_actions_t *actions);

/* Time passes. */
void hg_own_step(hg_own_t *own, double now, hg_own_actions_t *actions);

/* Devices known by name. */
size_t hg_own_names(const hg_own_t *own);

#endif
