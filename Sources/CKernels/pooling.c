#include "pooling.h"
#include "targets.h"

#include <math.h>
#include <string.h>

// The part of a window that lies inside the image, in image rows or columns.
static inline size_t first_inside(size_t out, const ck_pool *p) {
  size_t start = out * p->stride;
  return start > p->padding ? start - p->padding : 0;
}

static inline size_t end_inside(size_t out, size_t window, size_t extent, const ck_pool *p) {
  size_t end = out * p->stride + window;
  end = end > p->padding ? end - p->padding : 0;
  return end < extent ? end : extent;
}

// Calls BODY for every output pixel (`o`: its offset in elements) and every image pixel of its
// window (`i`: its offset, `tap`: its number in the window); FIRST runs before a window's pixels.
#define EACH_WINDOW(p, FIRST, BODY)                                                               \
  for (size_t n = 0; n < (p)->batch; n++)                                                         \
    for (size_t oh = 0; oh < (p)->out_height; oh++)                                               \
      for (size_t ow = 0; ow < (p)->out_width; ow++) {                                            \
        size_t o = ((n * (p)->out_height + oh) * (p)->out_width + ow) * (p)->channels;            \
        FIRST;                                                                                    \
        size_t h_end = end_inside(oh, (p)->window_height, (p)->height, (p));                      \
        size_t w_end = end_inside(ow, (p)->window_width, (p)->width, (p));                        \
        for (size_t h = first_inside(oh, (p)); h < h_end; h++)                                    \
          for (size_t w = first_inside(ow, (p)); w < w_end; w++) {                                \
            size_t i = ((n * (p)->height + h) * (p)->width + w) * (p)->channels;                  \
            size_t tap = (h + (p)->padding - oh * (p)->stride) * (p)->window_width +              \
                         (w + (p)->padding - ow * (p)->stride);                                   \
            BODY;                                                                                 \
          }                                                                                       \
      }

// Comparisons written so that a NaN wins over any number, and stays.
static inline __attribute__((always_inline)) void larger(const float *restrict x,
                                                         float *restrict y, size_t n) {
  for (size_t c = 0; c < n; c++) y[c] = x[c] <= y[c] || y[c] != y[c] ? y[c] : x[c];
}

static inline __attribute__((always_inline)) void larger_at(const float *restrict x,
                                                            float *restrict y,
                                                            uint16_t *restrict place,
                                                            uint16_t tap, size_t n) {
  for (size_t c = 0; c < n; c++) {
    int stays = x[c] <= y[c] || y[c] != y[c];
    y[c] = stays ? y[c] : x[c];
    place[c] = stays ? place[c] : tap;
  }
}

static inline __attribute__((always_inline)) void fill(float *y, float value, size_t n) {
  for (size_t c = 0; c < n; c++) y[c] = value;
}

static inline __attribute__((always_inline)) void fill_places(uint16_t *place, uint16_t value,
                                                              size_t n) {
  for (size_t c = 0; c < n; c++) place[c] = value;
}

// The number of the first pixel of a window that lies inside the image.
static inline uint16_t first_tap(size_t oh, size_t ow, const ck_pool *p) {
  size_t h = first_inside(oh, p) + p->padding - oh * p->stride;
  size_t w = first_inside(ow, p) + p->padding - ow * p->stride;
  return (uint16_t)(h * p->window_width + w);
}

CK_CLONES void ck_max_pool(const float *x, float *y, uint16_t *place, const ck_pool *pool) {
  size_t n_channels = pool->channels;
  if (!place) {
    EACH_WINDOW(pool, fill(y + o, -INFINITY, n_channels),
                ((void)tap, larger(x + i, y + o, n_channels)))
    return;
  }
  EACH_WINDOW(pool,
              (fill(y + o, -INFINITY, n_channels),
               fill_places(place + o, first_tap(oh, ow, pool), n_channels)),
              larger_at(x + i, y + o, place + o, (uint16_t)tap, n_channels))
}

CK_CLONES void ck_max_pool_backward(const float *restrict dy, const uint16_t *restrict place,
                                    float *restrict dx, const ck_pool *pool) {
  size_t n_channels = pool->channels;
  memset(dx, 0, pool->batch * pool->height * pool->width * n_channels * sizeof(float));
  EACH_WINDOW(pool, (void)0, {
    for (size_t c = 0; c < n_channels; c++)
      dx[i + c] += place[o + c] == (uint16_t)tap ? dy[o + c] : 0;
  })
}

CK_CLONES void ck_average_pool(const float *restrict x, float *restrict y, const ck_pool *pool) {
  size_t n_channels = pool->channels;
  float size = (float)(pool->window_height * pool->window_width);
  EACH_WINDOW(pool, fill(y + o, 0, n_channels), {
    (void)tap;
    for (size_t c = 0; c < n_channels; c++) y[o + c] += x[i + c];
  })
  size_t count = pool->batch * pool->out_height * pool->out_width * n_channels;
  for (size_t k = 0; k < count; k++) y[k] /= size;
}

CK_CLONES void ck_average_pool_backward(const float *restrict dy, float *restrict dx,
                                        const ck_pool *pool) {
  size_t n_channels = pool->channels;
  float size = (float)(pool->window_height * pool->window_width);
  memset(dx, 0, pool->batch * pool->height * pool->width * n_channels * sizeof(float));
  EACH_WINDOW(pool, (void)0, {
    (void)tap;
    for (size_t c = 0; c < n_channels; c++) dx[i + c] += dy[o + c] / size;
  })
}
