//! The C header of the bridge, written from the lists of this crate.

use crate::{
    ADDRESS, ATTEND, BY_NAME, CONVERTED, CUT, ERROR_TEXT, EXPORTS, Encoded, FAMILY_V4, FAMILY_V6,
    FRAME_FIELDS, Frame, HOST_MODULE, IMPORTS, IN_SLOT, INDIRECT, LEVELS, LOST, Layout, MAX_DEPTH,
    MAX_DIMENSIONS, MAX_ENCODED, MEMORY_ERROR, Mode, OPERAND, OPERANDS, Operation, RAISED,
    READ_ONLY, RELEASE, RELEASES, RESTS, SHORT_INPUT, Signature, Slot, SlotIndex, Status,
    TIMEOUT_ERROR, Tag, VERSION, ValueType, Want, message, socket_option, tls,
};
use core::fmt::{Result, Write};

/// Writes the header. The result is committed as `include/ophidia_abi.h`; the example `header`
/// prints it, and a test compares the two.
///
/// # Errors
///
/// Only those of `out`.
pub fn write(out: &mut impl Write) -> Result {
    writeln!(out, "/* Written by `cargo run -p ophidia-abi --example header`; do not edit. */")?;
    writeln!(out, "#ifndef OPHIDIA_ABI_H\n#define OPHIDIA_ABI_H\n")?;
    writeln!(out, "#include <stdint.h>\n")?;
    writeln!(out, "#define OPHIDIA_ABI_VERSION {VERSION}")?;
    writeln!(out, "#define OPHIDIA_SHORT_INPUT {SHORT_INPUT}")?;
    writeln!(out, "#define OPHIDIA_BY_NAME {BY_NAME}u")?;
    writeln!(out, "#define OPHIDIA_RESTS {RESTS}u")?;
    writeln!(out, "#define OPHIDIA_LEVELS {LEVELS}")?;
    writeln!(out, "#define OPHIDIA_RAISED {RAISED:#x}u")?;
    writeln!(out, "#define OPHIDIA_IN_SLOT {IN_SLOT:#x}u")?;
    writeln!(out, "#define OPHIDIA_CONVERTED {CONVERTED:#x}u")?;
    writeln!(out, "#define OPHIDIA_OPERAND {OPERAND}u")?;
    writeln!(out, "#define OPHIDIA_OPERANDS {OPERANDS}")?;
    writeln!(out, "#define OPHIDIA_RELEASE {RELEASE}u")?;
    writeln!(out, "#define OPHIDIA_RELEASES {RELEASES}u")?;
    writeln!(out, "#define OPHIDIA_ERROR_TEXT {ERROR_TEXT}")?;
    writeln!(out, "#define OPHIDIA_CUT \"{CUT}\"")?;
    writeln!(out, "#define OPHIDIA_MEMORY_ERROR {MEMORY_ERROR}u")?;
    writeln!(out, "#define OPHIDIA_TIMEOUT_ERROR {TIMEOUT_ERROR}u")?;
    writeln!(out, "#define OPHIDIA_LOST {LOST}u")?;
    writeln!(out, "#define OPHIDIA_ATTEND {ATTEND}u")?;
    writeln!(out, "#define OPHIDIA_MAX_DEPTH {MAX_DEPTH}")?;
    writeln!(out, "#define OPHIDIA_MAX_ENCODED {MAX_ENCODED}u")?;
    writeln!(out, "#define OPHIDIA_MAX_DIMENSIONS {MAX_DIMENSIONS}")?;
    writeln!(out, "#define OPHIDIA_READ_ONLY {READ_ONLY}u")?;
    writeln!(out, "#define OPHIDIA_INDIRECT {INDIRECT}u")?;
    for (name, number) in [
        ("ADDRESS", ADDRESS),
        ("FAMILY_V4", FAMILY_V4),
        ("FAMILY_V6", FAMILY_V6),
        ("SOCKET_ERROR", socket_option::ERROR),
        ("SOCKET_NO_DELAY", socket_option::NO_DELAY),
        ("SOCKET_KEEP_ALIVE", socket_option::KEEP_ALIVE),
        ("TLS_PENDING", tls::PENDING),
        ("MESSAGE_HEAD", message::HEAD),
        ("OUTBOX", message::OUTBOX),
    ] {
        writeln!(out, "#define OPHIDIA_{name} {number}u")?;
    }
    writeln!(out, "#define OPHIDIA_TLS_FIRST_ERROR ({})", tls::FIRST_ERROR)?;
    // C has no literal of the least number.
    writeln!(out, "#define OPHIDIA_NO_OFFSET ({}ll - 1)\n", crate::NO_OFFSET + 1)?;
    constants(out, "tag", "TAG", Tag::ALL.iter().map(|(tag, name)| (*name, *tag as u32)))?;
    constants(out, "status", "STATUS", Status::ALL.iter().map(|(s, name)| (*name, *s as u32)))?;
    constants(out, "mode", "MODE", Mode::ALL.iter().map(|(mode, name)| (*name, *mode as u32)))?;
    constants(
        out,
        "slot_index",
        "SLOT",
        SlotIndex::ALL.iter().map(|(i, name)| (*name, *i as u32)),
    )?;
    let encoded = Encoded::ALL.iter().map(|(tag, name)| (*name, u32::from(*tag as u8)));
    constants(out, "encoded", "ENCODED", encoded)?;
    let kinds = message::Kind::ALL.iter().map(|(kind, name)| (*name, u32::from(*kind as u8)));
    constants(out, "message", "MESSAGE", kinds)?;
    let operations = Operation::ALL.iter().map(|(operation, name)| (*name, *operation as u32));
    constants(out, "operation", "OPERATION", operations)?;
    constants(out, "want", "WANT", Want::ALL.iter().map(|(want, name)| (*name, *want as u32)))?;
    structures(out)?;
    for export in EXPORTS {
        let attribute = format_args!("export_name(\"{}\")", export.name);
        function(out, export, attribute, "")?;
    }
    for import in IMPORTS {
        let attribute =
            format_args!("import_module(\"{HOST_MODULE}\"), import_name(\"{}\")", import.name);
        function(out, import, attribute, "ophidia_host_")?;
    }
    writeln!(out, "#endif")
}

fn function(
    out: &mut impl Write,
    function: &Signature,
    attribute: core::fmt::Arguments<'_>,
    prefix: &str,
) -> Result {
    let result = if function.result.is_some() { "uint32_t" } else { "void" };
    writeln!(out, "/*{} */", function.doc)?;
    write!(out, "__attribute__(({attribute}))\n{result} {prefix}{}(", function.name)?;
    for (i, param) in function.params.iter().enumerate() {
        let ty = match param.ty {
            ValueType::I32 => "uint32_t",
            ValueType::I64 => "uint64_t",
        };
        write!(out, "{}{ty} {}", if i == 0 { "" } else { ", " }, param.name)?;
    }
    writeln!(out, "{});\n", if function.params.is_empty() { "void" } else { "" })
}

fn constants<'a>(
    out: &mut impl Write,
    name: &str,
    prefix: &str,
    items: impl Iterator<Item = (&'a str, u32)>,
) -> Result {
    writeln!(out, "enum ophidia_{name} {{")?;
    for (item, number) in items {
        writeln!(out, "    OPHIDIA_{prefix}_{item} = {number},")?;
    }
    writeln!(out, "}};\n")
}

fn structures(out: &mut impl Write) -> Result {
    writeln!(out, "struct ophidia_slot {{")?;
    writeln!(out, "    uint32_t tag;\n    uint32_t len;\n    uint64_t payload;\n}};\n")?;
    writeln!(out, "struct ophidia_frame {{")?;
    for field in FRAME_FIELDS {
        writeln!(out, "    uint32_t {};", field.name)?;
    }
    writeln!(out, "    struct ophidia_slot slots[{}];", SlotIndex::ALL.len())?;
    writeln!(out, "    struct ophidia_slot operands[OPHIDIA_OPERANDS];")?;
    writeln!(out, "    uint64_t releases[OPHIDIA_RELEASES];\n}};\n")?;
    writeln!(out, "struct ophidia_layout {{")?;
    for word in Layout::WORDS {
        writeln!(out, "    uint32_t {word};")?;
    }
    for axes in ["shape", "strides"] {
        writeln!(out, "    int32_t {axes}[{MAX_DIMENSIONS}];")?;
    }
    writeln!(out, "}};\n")?;
    for (what, size) in [("slot", Slot::SIZE), ("frame", Frame::SIZE), ("layout", Layout::SIZE)] {
        let message = "layout differs from the host's";
        writeln!(out, "_Static_assert(sizeof(struct ophidia_{what}) == {size}, \"{message}\");")?;
    }
    writeln!(out)
}
