#include <stdio.h>
#include <webp/decode.h>

#include "colour.h"

int codec_webp_header(
    const uint8_t *bytes, size_t size, uint32_t *width, uint32_t *height, int *has_alpha) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes, size, &features) != VP8_STATUS_OK) return 0;
  *width = (uint32_t)features.width;
  *height = (uint32_t)features.height;
  *has_alpha = features.has_alpha;
  return 1;
}

static const char *reason(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY: return "out of memory";
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: return "premature end of data";
    default: return "corrupt bitstream";
  }
}

int codec_webp_decode(const uint8_t *bytes, size_t size, codec_picture *picture) {
  WebPDecoderConfig config;
  VP8StatusCode status = VP8_STATUS_BITSTREAM_ERROR;
  if (WebPInitDecoderConfig(&config)) status = WebPGetFeatures(bytes, size, &config.input);
  int channels = config.input.has_alpha ? 4 : 3;
  if (status == VP8_STATUS_OK &&
      ((uint32_t)config.input.width != picture->width ||
       (uint32_t)config.input.height != picture->height ||
       picture->capacity < (size_t)picture->width * picture->height * channels))
    status = VP8_STATUS_BITSTREAM_ERROR;
  if (status == VP8_STATUS_OK) {
    colour_reader colour = colour_open(
        COLOUR_RGB, config.input.has_alpha, picture->icc, picture->icc_size, picture);
    config.output.colorspace = config.input.has_alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = colour_raw(&colour, picture);
    config.output.u.RGBA.stride = (int)picture->width * channels;
    config.output.u.RGBA.size = (size_t)picture->width * picture->height * channels;
    status = WebPDecode(bytes, size, &config);
    WebPFreeDecBuffer(&config.output);
    if (status == VP8_STATUS_OK && !colour_picture(&colour, picture))
      status = VP8_STATUS_OUT_OF_MEMORY;
    colour_close(&colour);
  }
  if (status != VP8_STATUS_OK) snprintf(picture->message, CODEC_MESSAGE, "%s", reason(status));
  return status == VP8_STATUS_OK;
}
