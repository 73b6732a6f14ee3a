#include "view.h"

#include <math.h>

#define LN10 2.302585092994046
#define ORDERS HG_SIGNATURE_HARMONICS
enum { LOG_CURRENT, LOG_ACTIVE, LOG_REACTIVE, POWER_FACTOR, COSINE, SINE, CREST, REAL = 9, IMAGINARY = REAL + ORDERS - 1 };

void hg_appliance_view(const double vector[HG_SIGNATURE_FEATURES], double view[HG_VIEW_FEATURES])
{
  const double logarithm = vector[LOG_CURRENT];
  const double current = pow(10.0, logarithm < -3.0 ? -3.0 : logarithm > 4.0 ? 4.0 : logarithm) - 1e-3;
  double square = 0.0;
  for (int h = 0; h < ORDERS; h++) {
    view[h] = h > 0 ? vector[REAL + h - 1] : vector[COSINE];
    view[ORDERS + h] = h > 0 ? vector[IMAGINARY + h - 1] : vector[SINE];
    square += view[h] * view[h] + view[ORDERS + h] * view[ORDERS + h];
  }
  const double scale = square > 0.0 ? current / sqrt(square) / HG_VIEW_CURRENT_SCALE : 0.0;
  for (int k = 0; k < 2 * ORDERS; k++) {
    view[k] = asinh(view[k] * scale);
  }
  double *rest = view + 2 * ORDERS;
  rest[0] = LN10 * logarithm;
  rest[1] = LN10 * vector[LOG_ACTIVE];
  rest[2] = LN10 * vector[LOG_REACTIVE];
  rest[3] = vector[CREST] > 1.0 ? log(vector[CREST]) : 0.0;
  rest[4] = vector[POWER_FACTOR];
  rest[5] = vector[COSINE];
  rest[6] = vector[SINE];
}
