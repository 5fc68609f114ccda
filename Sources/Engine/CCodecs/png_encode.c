#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CCodecs.h"

typedef struct {
  uint8_t *bytes;
  size_t size, capacity;
  char *message;
} sink;

static void append(png_structp png, png_bytep bytes, size_t count) {
  sink *out = png_get_io_ptr(png);
  if (count > out->capacity - out->size) {
    // By a quarter, not double: the largest pictures must fit a small address space.
    size_t capacity = out->capacity + out->capacity / 4 + count + (1 << 16);
    uint8_t *grown = realloc(out->bytes, capacity);
    if (grown == NULL) png_error(png, "out of memory");
    out->bytes = grown;
    out->capacity = capacity;
  }
  memcpy(out->bytes + out->size, bytes, count);
  out->size += count;
}

static void flush(png_structp png) { (void)png; }

static void fail(png_structp png, png_const_charp text) {
  sink *out = png_get_error_ptr(png);
  snprintf(out->message, CODEC_MESSAGE, "%s", text);
  longjmp(png_jmpbuf(png), 1);
}

static void ignore(png_structp png, png_const_charp text) { (void)png, (void)text; }

static void write_picture(
    png_structp png, png_infop info, const uint8_t *rgb, uint32_t width, uint32_t height,
    int compression, const codec_text *texts, int text_count) {
  png_set_compression_level(png, compression);
  png_set_IHDR(
      png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
      PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  for (int i = 0; i < text_count; i++) {
    png_text text = {0};
    text.key = (png_charp)texts[i].keyword;
    text.text = (png_charp)texts[i].text;
    text.compression =
        texts[i].international ? PNG_ITXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_NONE;
    png_set_text(png, info, &text, 1);
  }
  png_write_info(png, info);
  for (uint32_t y = 0; y < height; y++) png_write_row(png, rgb + (size_t)y * width * 3);
  png_write_end(png, info);
}

uint8_t *codec_png_encode(
    const uint8_t *rgb, uint32_t width, uint32_t height, int compression, const codec_text *texts,
    int text_count, size_t *size, char *message) {
  sink out = {.message = message};
  snprintf(message, CODEC_MESSAGE, "out of memory");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &out, fail, ignore);
  png_infop info = png == NULL ? NULL : png_create_info_struct(png);
  if (info == NULL) {
    png_destroy_write_struct(&png, NULL);
    return NULL;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    free(out.bytes);
    return NULL;
  }
  png_set_write_fn(png, &out, append, flush);
  write_picture(png, info, rgb, width, height, compression, texts, text_count);
  png_destroy_write_struct(&png, &info);
  *size = out.size;
  return out.bytes;
}

void codec_free(void *bytes) { free(bytes); }
