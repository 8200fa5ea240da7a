/* Encoding and judging one slot: see slot.h. */
#include "coordinator/store/slot.h"

#include <string.h>

#include "coordinator/base/ensure.h"

#define AT_FORMAT 8
#define AT_LENGTH 12
#define AT_SEQUENCE 16
#define AT_STORE_ID 24
#define AT_RESTARTS 32
#define AT_WRITTEN 40
#define AT_DOUBT 48
#define AT_PAYLOAD_CHECKSUM 52
#define AT_CLUSTER 56
#define AT_NODE (AT_CLUSTER + STORE_NAME_MAX)
#define AT_HEADER_CHECKSUM (STORE_HEADER_BYTES - 4)

static const unsigned char magic[8] = { 'F', 'A', 'I', 'L', 'O', 'V', 'D', '\n' };

/* Castagnoli's polynomial, bits reflected. */
#define CRC32C_POLYNOMIAL 0x82F63B78u

/* Four bits at a time: a table of 16 that is plain to check, at some 300 MB/s; blobs are small. */
static const uint32_t crc_nibble[16] = {
    0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u, 0x417B1DBCu, 0x5125DAD3u, 0x61C69362u, 0x7198540Du,
    0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u, 0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u,
};
_Static_assert(CRC32C_POLYNOMIAL == 0x82F63B78u, "crc_nibble belongs to this polynomial");

uint32_t store_checksum(uint32_t crc, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= at[i];
        crc = (crc >> 4) ^ crc_nibble[crc & 15u];
        crc = (crc >> 4) ^ crc_nibble[crc & 15u];
    }
    return ~crc;
}

static void put32(unsigned char *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> (8 * i));
}

static void put64(unsigned char *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t get32(const unsigned char *in)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++)
        value |= (uint32_t)in[i] << (8 * i);
    return value;
}

static uint64_t get64(const unsigned char *in)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)in[i] << (8 * i);
    return value;
}

size_t slot_encode(unsigned char *image, const struct slot_header *header, const void *payload)
{
    ensure(header->length <= STORE_PAYLOAD_MAX);
    memset(image, 0, STORE_HEADER_BYTES);
    memcpy(image, magic, sizeof magic);
    put32(image + AT_FORMAT, header->format);
    put32(image + AT_LENGTH, header->length);
    put64(image + AT_SEQUENCE, header->sequence);
    put64(image + AT_STORE_ID, header->store_id);
    put64(image + AT_RESTARTS, header->restarts);
    put64(image + AT_WRITTEN, (uint64_t)header->written_wall_us);
    put32(image + AT_DOUBT, header->doubt ? 1 : 0);
    memcpy(image + AT_CLUSTER, header->cluster, strnlen(header->cluster, STORE_NAME_MAX - 1));
    memcpy(image + AT_NODE, header->node, strnlen(header->node, STORE_NAME_MAX - 1));
    if (header->length > 0)
        memcpy(image + STORE_HEADER_BYTES, payload, header->length);
    put32(image + AT_PAYLOAD_CHECKSUM, store_checksum(0, image + STORE_HEADER_BYTES, header->length));
    put32(image + AT_HEADER_CHECKSUM, store_checksum(0, image, AT_HEADER_CHECKSUM));
    return STORE_HEADER_BYTES + header->length;
}

enum slot_state slot_decode(const unsigned char *image, size_t size, struct slot_header *header,
                            struct fault *fault)
{
    memset(header, 0, sizeof *header);
    if (size < STORE_HEADER_BYTES) {
        fault_set(fault, "it is cut off after %zu bytes", size);
        return SLOT_BAD;
    }
    if (memcmp(image, magic, sizeof magic) != 0) {
        fault_set(fault, "it doesn't begin like a slot of a store");
        return SLOT_BAD;
    }
    if (get32(image + AT_HEADER_CHECKSUM) != store_checksum(0, image, AT_HEADER_CHECKSUM)) {
        fault_set(fault, "the checksum of its header doesn't match");
        return SLOT_BAD;
    }
    header->format = get32(image + AT_FORMAT);
    if (header->format != STORE_FORMAT) {
        fault_set(fault, "it has format %u, and this failoverd reads format %d: run the release that wrote it",
                  header->format, STORE_FORMAT);
        return SLOT_OTHER_FORMAT;
    }
    header->length = get32(image + AT_LENGTH);
    header->sequence = get64(image + AT_SEQUENCE);
    header->store_id = get64(image + AT_STORE_ID);
    header->restarts = get64(image + AT_RESTARTS);
    header->written_wall_us = (int64_t)get64(image + AT_WRITTEN);
    header->doubt = get32(image + AT_DOUBT) != 0;
    memcpy(header->cluster, image + AT_CLUSTER, STORE_NAME_MAX - 1);
    memcpy(header->node, image + AT_NODE, STORE_NAME_MAX - 1);
    if (header->length > STORE_PAYLOAD_MAX || header->length > size - STORE_HEADER_BYTES) {
        fault_set(fault, "it is cut off: %u bytes of payload announced, %zu there", header->length,
                  size - STORE_HEADER_BYTES);
        return SLOT_BAD;
    }
    if (get32(image + AT_PAYLOAD_CHECKSUM) != store_checksum(0, image + STORE_HEADER_BYTES, header->length)) {
        fault_set(fault, "the checksum of its payload doesn't match (sequence %llu)",
                  (unsigned long long)header->sequence);
        return SLOT_BAD;
    }
    return SLOT_GOOD;
}
