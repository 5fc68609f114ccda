#include "colour.h"

#include <lcms2.h>
#include <stdlib.h>
#include <string.h>

static const int colours[] = {1, 3, 4, 4};

static cmsUInt32Number format(colour_space space, int has_alpha) {
  cmsUInt32Number base = BYTES_SH(1) | EXTRA_SH(has_alpha);
  switch (space) {
    case COLOUR_GREY: return base | COLORSPACE_SH(PT_GRAY) | CHANNELS_SH(1);
    case COLOUR_RGB: return base | COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3);
    case COLOUR_CMYK: return base | COLORSPACE_SH(PT_CMYK) | CHANNELS_SH(4);
    default: return base | COLORSPACE_SH(PT_CMYK) | CHANNELS_SH(4) | FLAVOR_SH(1);
  }
}

static cmsColorSpaceSignature signature(colour_space space) {
  switch (space) {
    case COLOUR_GREY: return cmsSigGrayData;
    case COLOUR_RGB: return cmsSigRgbData;
    default: return cmsSigCmykData;
  }
}

/// 1 if the transform moves no sample of a 6 x 6 x 6 cube (or of the greys) by more than two levels.
static int is_identity(cmsHTRANSFORM transform, const colour_reader *reader) {
  if (reader->space > COLOUR_RGB) return 0;
  for (int i = 0; i < 216; i++) {
    uint8_t rgb[3] = {i / 36 * 51, i / 6 % 6 * 51, i % 6 * 51}, out[3];
    if (reader->space == COLOUR_GREY) rgb[0] = rgb[1] = rgb[2] = i * 255 / 215;
    uint8_t in[4] = {rgb[0], rgb[1], rgb[2], 255};
    if (reader->space == COLOUR_GREY) in[1] = 255;
    cmsDoTransform(transform, in, out, 1);
    for (int c = 0; c < 3; c++)
      if (abs(out[c] - rgb[c]) > 2) return 0;
  }
  return 1;
}

static cmsToneCurve *curve(const codec_colour *colour) {
  // lcms2's parametric type 4: Y = (aX + b)^g where X >= d, else cX.
  static const cmsFloat64Number srgb[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  static const cmsFloat64Number bt709[] = {1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081};
  if (colour->transfer == CODEC_GAMMA) return cmsBuildGamma(NULL, colour->gamma);
  return cmsBuildParametricToneCurve(NULL, 4, colour->transfer == CODEC_BT709 ? bt709 : srgb);
}

/// The profile of a colour space that is stated by numbers.
static cmsHPROFILE stated_profile(const codec_colour *colour, colour_space space) {
  const double *p = colour->primaries;
  cmsCIExyY white = {p[0], p[1], 1};
  cmsCIExyYTRIPLE primaries = {{p[2], p[3], 1}, {p[4], p[5], 1}, {p[6], p[7], 1}};
  cmsToneCurve *tone = curve(colour);
  if (tone == NULL) return NULL;
  cmsToneCurve *tones[] = {tone, tone, tone};
  cmsHPROFILE profile = space == COLOUR_GREY ? cmsCreateGrayProfile(&white, tone)
                                             : cmsCreateRGBProfile(&white, &primaries, tones);
  cmsFreeToneCurve(tone);
  return profile;
}

colour_reader colour_open(
    colour_space space, int has_alpha, const uint8_t *icc, size_t icc_size,
    codec_picture *picture) {
  colour_reader reader = {space, has_alpha, NULL};
  cmsHPROFILE profile = NULL;
  if (picture->colour.given && space <= COLOUR_RGB) {
    profile = stated_profile(&picture->colour, space);
  } else if (icc != NULL && icc_size <= UINT32_MAX) {
    profile = cmsOpenProfileFromMem(icc, (cmsUInt32Number)icc_size);
  }
  if (profile == NULL) return reader;
  if (cmsGetColorSpace(profile) == signature(space)) {
    cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    cmsHTRANSFORM transform = cmsCreateTransform(
        profile, format(space, has_alpha), srgb, TYPE_RGB_8, INTENT_PERCEPTUAL, 0);
    cmsCloseProfile(srgb);
    if (transform != NULL && is_identity(transform, &reader)) {
      cmsDeleteTransform(transform);
      transform = NULL;
    }
    reader.transform = transform;
    picture->icc_converted = transform != NULL;
  }
  cmsCloseProfile(profile);
  return reader;
}

int colour_channels(const colour_reader *reader) {
  return colours[reader->space] + reader->has_alpha;
}

static uint8_t product(int a, int b) { return (uint8_t)((a * b + 127) / 255); }

static void plain_row(
    const colour_reader *reader, const uint8_t *samples, uint8_t *rgb, uint32_t width) {
  int channels = colour_channels(reader);
  for (uint32_t x = 0; x < width; x++, samples += channels, rgb += 3)
    for (int c = 0; c < 3; c++) switch (reader->space) {
        case COLOUR_GREY: rgb[c] = samples[0]; break;
        case COLOUR_RGB: rgb[c] = samples[c]; break;
        case COLOUR_CMYK: rgb[c] = product(255 - samples[c], 255 - samples[3]); break;
        case COLOUR_CMYK_INVERTED: rgb[c] = product(samples[c], samples[3]); break;
      }
}

static void flatten_row(
    const colour_reader *reader, const uint8_t *samples, uint8_t *rgb, codec_picture *picture) {
  int channels = colour_channels(reader);
  for (uint32_t x = 0; x < picture->width; x++) {
    int alpha = samples[(size_t)x * channels + channels - 1];
    if (alpha == 255) continue;
    picture->alpha_flattened = 1;
    for (int c = 0; c < 3; c++)
      rgb[3 * x + c] = (uint8_t)(product(rgb[3 * x + c], alpha) + (255 - alpha));
  }
}

void colour_row(
    const colour_reader *reader, const uint8_t *samples, uint8_t *rgb, codec_picture *picture) {
  if (reader->transform != NULL) {
    cmsDoTransform(reader->transform, samples, rgb, picture->width);
  } else {
    plain_row(reader, samples, rgb, picture->width);
  }
  if (reader->has_alpha) flatten_row(reader, samples, rgb, picture);
}

uint8_t *colour_raw(const colour_reader *reader, codec_picture *picture) {
  size_t pixels = (size_t)picture->width * picture->height;
  return picture->buffer + (picture->capacity - pixels * colour_channels(reader));
}

int colour_picture(const colour_reader *reader, codec_picture *picture) {
  size_t row_bytes = (size_t)picture->width * colour_channels(reader);
  uint8_t *row = malloc(row_bytes), *raw = colour_raw(reader, picture);
  if (row == NULL) return 0;
  for (uint32_t y = 0; y < picture->height; y++) {
    memcpy(row, raw + y * row_bytes, row_bytes);
    colour_row(reader, row, picture->buffer + (size_t)y * picture->width * 3, picture);
  }
  free(row);
  return 1;
}

void colour_close(colour_reader *reader) {
  if (reader->transform != NULL) cmsDeleteTransform(reader->transform);
  reader->transform = NULL;
}
