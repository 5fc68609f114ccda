#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"

typedef struct {
  const uint8_t *bytes;
  size_t left;
  codec_picture *picture;
  colour_reader colour;
  uint8_t *row;    // one row of samples
  png_bytep *rows;  // interlaced pictures: all rows
} source;

static void fail(png_structp png, png_const_charp text) {
  source *in = png_get_error_ptr(png);
  snprintf(in->picture->message, CODEC_MESSAGE, "%s", text);
  longjmp(png_jmpbuf(png), 1);
}

static void ignore(png_structp png, png_const_charp text) { (void)png, (void)text; }

static void take(png_structp png, png_bytep out, size_t count) {
  source *in = png_get_io_ptr(png);
  if (count > in->left) png_error(png, "premature end of file");
  memcpy(out, in->bytes, count);
  in->bytes += count;
  in->left -= count;
}

static void set_limits(png_structp png, const codec_picture *picture) {
  // Chunks that could only cost memory are not even looked at.
  static const png_byte unread[] =
      "tEXt\0zTXt\0iTXt\0eXIf\0sPLT\0hIST\0tIME\0pCAL\0sCAL\0";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, unread, sizeof unread / 5);
  png_set_user_limits(png, picture->width, picture->height);
  png_set_chunk_malloc_max(png, 8 << 20);
  png_set_chunk_cache_max(png, 256);
}

static void set_output(png_structp png, png_infop info, source *in) {
  int type = png_get_color_type(png, info);
  int transparent = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  if (png_get_bit_depth(png, info) == 16) png_set_scale_16(png);
  png_set_expand(png);  // palette to RGB, 1, 2 and 4 bits to 8, tRNS to alpha

  png_charp name;
  png_bytep icc = NULL;
  png_uint_32 icc_size = 0;
  int compression;
  png_get_iCCP(png, info, &name, &compression, &icc, &icc_size);
  int has_colour = (type & PNG_COLOR_MASK_COLOR) != 0;
  int has_alpha = transparent || (type & PNG_COLOR_MASK_ALPHA) != 0;
  in->colour = colour_open(
      has_colour ? COLOUR_RGB : COLOUR_GREY, has_alpha, icc, icc_size, in->picture);
}

static void read_pixels(png_structp png, png_infop info, source *in) {
  codec_picture *picture = in->picture;
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t row_bytes = (size_t)picture->width * colour_channels(&in->colour);
  if (png_get_rowbytes(png, info) != row_bytes) png_error(png, "unexpected sample layout");

  if (passes == 1) {
    in->row = malloc(row_bytes);
    if (in->row == NULL) png_error(png, "out of memory");
    for (uint32_t y = 0; y < picture->height; y++) {
      png_read_row(png, in->row, NULL);
      colour_row(
          &in->colour, in->row, picture->buffer + (size_t)y * picture->width * 3, picture);
    }
  } else {
    in->rows = malloc(picture->height * sizeof(png_bytep));
    if (in->rows == NULL) png_error(png, "out of memory");
    if (picture->capacity < row_bytes * picture->height) png_error(png, "buffer too small");
    uint8_t *raw = colour_raw(&in->colour, picture);
    for (uint32_t y = 0; y < picture->height; y++) in->rows[y] = raw + y * row_bytes;
    png_read_image(png, in->rows);
    if (!colour_picture(&in->colour, picture)) png_error(png, "out of memory");
  }
  png_read_end(png, NULL);
}

static int decode(png_structp png, png_infop info, source *in) {
  if (setjmp(png_jmpbuf(png))) return 0;
  png_set_read_fn(png, in, take);
  set_limits(png, in->picture);
  png_read_info(png, info);
  if (png_get_image_width(png, info) != in->picture->width ||
      png_get_image_height(png, info) != in->picture->height ||
      in->picture->capacity < (size_t)in->picture->width * in->picture->height * 3)
    png_error(png, "two sizes in one file");
  set_output(png, info, in);
  read_pixels(png, info, in);
  return 1;
}

int codec_png_decode(const uint8_t *bytes, size_t size, codec_picture *picture) {
  source in = {.bytes = bytes, .left = size, .picture = picture};
  snprintf(picture->message, CODEC_MESSAGE, "out of memory");
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &in, fail, ignore);
  png_infop info = png == NULL ? NULL : png_create_info_struct(png);
  int done = info != NULL && decode(png, info, &in);
  png_destroy_read_struct(&png, &info, NULL);
  colour_close(&in.colour);
  free(in.row);
  free(in.rows);
  return done;
}
