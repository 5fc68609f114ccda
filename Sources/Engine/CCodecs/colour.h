#pragma once
// One row of decoded samples to 8-bit sRGB: embedded profile, grey, CMYK, alpha on white.
#include "CCodecs.h"

typedef enum { COLOUR_GREY, COLOUR_RGB, COLOUR_CMYK, COLOUR_CMYK_INVERTED } colour_space;

typedef struct {
  colour_space space;
  int has_alpha;    // one more sample per pixel, after the colour
  void *transform;  // cmsHTRANSFORM, or NULL if the samples are sRGB already
} colour_reader;

/// Makes ready for rows of `space`. A profile that is damaged, of another space, or equal to sRGB within
/// two levels is left out.
colour_reader colour_open(
    colour_space space, int has_alpha, const uint8_t *icc, size_t icc_size,
    codec_picture *picture);
int colour_channels(const colour_reader *reader);
/// `samples` and `rgb` must not overlap.
void colour_row(
    const colour_reader *reader, const uint8_t *samples, uint8_t *rgb, codec_picture *picture);
/// The whole picture in place: raw rows at the end of the buffer become RGB at its start.
/// @return 0 without memory.
int colour_picture(const colour_reader *reader, codec_picture *picture);
/// Where colour_picture expects the first raw row.
uint8_t *colour_raw(const colour_reader *reader, codec_picture *picture);
void colour_close(colour_reader *reader);
