/* strftime as glibc has it, which programs are written against.

   musl's gives up on the whole text at a directive that it does not know, and CPython takes that for an empty
   one. Here each directive is written by itself: what musl does not know, by us; what nobody knows, as it
   stands. Flags (`_ - 0 ^ #`) and widths are ours too. */

#include "bridge.h"

#include <ctype.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

size_t __wrap_strftime(char *out, size_t size, const char *format, const struct tm *time);

/* The C library's. */
static size_t
one(char *out, size_t size, const char *format, const struct tm *time)
{
    return strftime_l(out, size, format, time, uselocale((locale_t)0));
}

struct directive {
    char flag;     /* of _ - 0, or none */
    int upper;     /* ^ */
    int swapped;   /* # */
    size_t width;  /* 0: as usual */
    char modifier; /* E or O, or none */
    char what;     /* 0: the format ends before */
};

/* Reads what follows a `%`; gives where it ends. */
static const char *
parse(const char *at, struct directive *it)
{
    *it = (struct directive){0};
    for (; *at != 0 && strchr("_-0^#", *at) != NULL; at++) {
        if (*at == '^') {
            it->upper = 1;
        }
        else if (*at == '#') {
            it->swapped = 1;
        }
        else {
            it->flag = *at;
        }
    }
    for (; isdigit((unsigned char)*at); at++) {
        it->width = it->width < 100000 ? it->width * 10 + (size_t)(*at - '0') : it->width;
    }
    if (*at == 'E' || *at == 'O') {
        it->modifier = *at++;
    }
    it->what = *at;
    return *at == 0 ? at : at + 1;
}

/* A number, padded to so many places. */
static size_t
number(char *out, size_t size, long value, int places, char padding)
{
    const char *form = padding == '0' ? "%0*ld" : "%*ld";
    int len = snprintf(out, size, form, places, value);
    return len < 0 || (size_t)len >= size ? 0 : (size_t)len;
}

/* The directive's text by the C library, where that is a year: glibc pads none. */
static size_t
unpadded(char *out, size_t size, const char *format, const struct tm *time)
{
    char text[64];
    size_t len = one(text, sizeof text - 1, format, time);
    text[len] = 0;
    return len == 0 ? 0 : number(out, size, strtol(text, NULL, 10), 1, ' ');
}

/* The rest of a date that a year stands at one end of. */
static size_t
beside_year(char *out, size_t size, const struct tm *time, long year, const char *before, const char *after)
{
    size_t len = one(out, size, before, time), digits = number(out + len, size - len, year, 1, ' ');
    return len + digits + (*after == 0 ? 0 : one(out + len + digits, size - len - digits, after, time));
}

/* What a directive stands for, without flags and width; 0 when nobody knows it. */
static size_t
expand(char *out, size_t size, const struct directive *it, const struct tm *time)
{
    int hour = time->tm_hour % 12 == 0 ? 12 : time->tm_hour % 12;
    long year = 1900L + time->tm_year, century = year / 100 - (year % 100 < 0);
    char format[] = {'%', it->what, 0};
    switch (it->what) {
    case 'Y':
        return number(out, size, year, 1, ' ');
    case 'C':
        return number(out, size, century, 1, ' ');
    case 'y':
        return number(out, size, year - century * 100, 2, '0');
    case 'G':
        return unpadded(out, size, format, time);
    case 'F':
        return beside_year(out, size, time, year, "", "-%m-%d");
    case 'c':
        return beside_year(out, size, time, year, "%a %b %e %H:%M:%S ", "");
    case 'l':
        return number(out, size, hour, 2, ' ');
    case 'k':
        return number(out, size, time->tm_hour, 2, ' ');
    case 'P': {
        size_t len = one(out, size, "%p", time);
        for (size_t i = 0; i < len; i++) {
            out[i] = (char)tolower((unsigned char)out[i]);
        }
        return len;
    }
    case 0:
    case 'E':
    case 'O':
    case 'L':
    case 'N':
    case 'Q':
    case 'J':
    case 'K':
    case 'f':
    case 'i':
    case 'o':
    case 'q':
    case 'v':
    case '+':
        return 0;
    default:
        return isalpha((unsigned char)it->what) || it->what == '%'
                   ? one(out, size, format, time)
                   : 0;
    }
}

/* The character that a directive's number is padded with; 0 for a text. */
static char
usual_padding(char what)
{
    if (strchr("elk", what) != NULL) {
        return ' ';
    }
    return strchr("CdgGHIjmMSsUuVwWyY", what) != NULL ? '0' : 0;
}

/* Applies flags and width to the text of a directive, in place; gives its length, 0 when it does not fit. */
static size_t
adorn(char *text, size_t len, size_t size, const struct directive *it)
{
    for (size_t i = 0; it->upper && i < len; i++) {
        text[i] = (char)toupper((unsigned char)text[i]);
    }
    for (size_t i = 0; it->swapped && i < len; i++) {
        if (strchr("aAbBh", it->what) != NULL) {
            text[i] = (char)toupper((unsigned char)text[i]);
        }
        else if (strchr("pZ", it->what) != NULL) {
            text[i] = (char)tolower((unsigned char)text[i]);
        }
    }
    char usual = usual_padding(it->what);
    char padding = it->flag == '_' || it->flag == '-' ? ' ' : it->flag == '0' ? '0'
                                                          : usual != 0        ? usual
                                                                              : ' ';
    if (usual != 0 && it->flag != 0) { /* the padding that is there goes, or becomes another */
        size_t padded = 0;
        while (padded + 1 < len && (text[padded] == '0' || text[padded] == ' ')) {
            text[padded++] = it->flag == '_' ? ' ' : '0';
        }
        if (it->flag == '-') {
            memmove(text, text + padded, len - padded);
            len -= padded;
        }
    }
    if (it->width <= len) {
        return len;
    }
    size_t missing = it->width - len;
    if (missing >= size - len) {
        return 0;
    }
    size_t sign = len > 0 && padding == '0' && text[0] == '-';
    memmove(text + sign + missing, text + sign, len - sign);
    memset(text + sign, padding, missing);
    return it->width;
}

/* As the C library's: 0 when it does not fit, with the end mark. */
static size_t
write_time(char *out, size_t size, const char *format, const struct tm *time)
{
    size_t used = 0;
    while (*format != 0) {
        const char *start = format;
        if (*format != '%') {
            format += strcspn(format, "%");
        }
        else {
            struct directive it;
            format = parse(format + 1, &it);
            char text[256];
            size_t len = expand(text, sizeof text, &it, time);
            int empty = len == 0 && it.what != 0 && strchr("pPzZxXr", it.what) != NULL;
            if (len > 0 || empty) {
                if (used + len >= size) {
                    return 0;
                }
                memcpy(out + used, text, len);
                size_t adorned = adorn(out + used, len, size - used, &it);
                if (adorned == 0 && it.width > 0) {
                    return 0;
                }
                used += adorned;
                continue;
            }
        }
        size_t len = (size_t)(format - start); /* text, or a directive as it stands */
        if (used + len >= size) {
            return 0;
        }
        memcpy(out + used, start, len);
        used += len;
    }
    if (size == 0) {
        return 0;
    }
    out[used] = 0;
    return used;
}

size_t
__wrap_strftime(char *out, size_t size, const char *format, const struct tm *time)
{
    return write_time(out, size, format, time);
}

/* What CPython calls, in place of the C library's. It gives formats of ASCII alone. */
size_t
wcsftime(wchar_t *restrict out, size_t size, const wchar_t *restrict format, const struct tm *restrict time)
{
    size_t len = wcslen(format), written = 0;
    char *narrow = malloc(len + 1), *bytes = malloc(size);
    if (narrow != NULL && bytes != NULL) {
        for (size_t i = 0; i <= len; i++) {
            narrow[i] = (char)format[i];
        }
        written = write_time(bytes, size, narrow, time);
        for (size_t i = 0; i < written; i++) {
            out[i] = (unsigned char)bytes[i];
        }
        if (size > 0) {
            out[written] = 0;
        }
    }
    free(narrow);
    free(bytes);
    return written;
}
