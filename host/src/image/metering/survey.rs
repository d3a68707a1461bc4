//! What the rewriting has to know of a module, and which functions take from the budget on entry.

use super::{Loop, Surveyed};
use ophidia_abi::{EVALUATION_LOOP, HOST_MODULE, import};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use wasmparser::{
    BinaryReaderError, CompositeInnerType, FunctionBody, KnownCustom, MemoryType, Name,
    NameSectionReader, Operator, Parser, Payload, TypeRef, ValType,
};

pub(super) struct Survey<'a> {
    /// The index of the imported function [`import::METER`].
    pub(super) meter: Option<u32>,
    /// How many functions are imported.
    pub(super) imported: u32,
    /// How many globals there are.
    pub(super) globals: u32,
    /// How many types there are.
    pub(super) types: u32,
    /// Whether there is one memory, of 32 bits.
    pub(super) one_memory: bool,
    /// The index of the function of this name, [`EVALUATION_LOOP`].
    pub(super) evaluation_loop: Option<u32>,
    /// The module's own functions.
    pub(super) functions: Vec<Surveyed<'a>>,
}

impl<'a> Survey<'a> {
    pub(super) fn of(wasm: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut survey = Survey {
            meter: None,
            imported: 0,
            globals: 0,
            types: 0,
            one_memory: false,
            evaluation_loop: None,
            functions: Vec::new(),
        };
        let mut memories = Vec::new();
        let mut params_of_type = Vec::new();
        let mut types = Vec::new();
        let mut calls = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group?.into_types() {
                            params_of_type.push(match &ty.composite_type.inner {
                                CompositeInnerType::Func(ty) => ty.params().to_vec(),
                                _ => Vec::new(),
                            });
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(_) => {
                                if (import.module, import.name) == (HOST_MODULE, import::METER) {
                                    survey.meter = Some(survey.imported);
                                }
                                survey.imported += 1;
                            }
                            TypeRef::Global(_) => survey.globals += 1,
                            TypeRef::Memory(memory) => memories.push(is_plain(&memory)),
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    types = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        memories.push(is_plain(&memory?));
                    }
                }
                Payload::GlobalSection(section) => survey.globals += section.count(),
                Payload::CodeSectionEntry(body) => {
                    let ty = types.get(survey.functions.len()).map(|ty| *ty as usize);
                    let params = ty.and_then(|ty| params_of_type.get(ty));
                    let params = params.map_or(&[][..], Vec::as_slice);
                    let ((loops, carried), callees) = read(&body, params, survey.meter)?;
                    let params = u32::try_from(params.len()).unwrap_or(u32::MAX);
                    survey.functions.push(Surveyed {
                        body,
                        params,
                        on_entry: false,
                        loops,
                        carried,
                    });
                    calls.push(callees);
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        survey.evaluation_loop = named(names, EVALUATION_LOOP)?;
                    }
                }
                _ => {}
            }
        }
        survey.types = u32::try_from(params_of_type.len()).unwrap_or(u32::MAX);
        survey.one_memory = memories == [true];
        survey.cut(&calls);
        Ok(survey)
    }

    /// Chooses the functions that take from the budget on entry.
    fn cut(&mut self, calls: &[BTreeSet<u32>]) {
        for index in cuts(calls, self.imported) {
            if let Some(function) = self.functions.get_mut(index) {
                function.on_entry = true;
            }
        }
    }
}

/// Whether a memory's addresses have 32 bits, and its pages 64 KiB.
fn is_plain(memory: &MemoryType) -> bool {
    !memory.memory64 && memory.page_size_log2.is_none()
}

/// The index of the function of this name.
fn named(names: NameSectionReader<'_>, name: &str) -> Result<Option<u32>, BinaryReaderError> {
    for subsection in names {
        if let Name::Function(functions) = subsection? {
            for naming in functions {
                let naming = naming?;
                if naming.name == name {
                    return Ok(Some(naming.index));
                }
            }
        }
    }
    Ok(None)
}

/// What is known of every loop of a function, in order of appearance: its kind, and what it carries.
type Loops = (Vec<Loop>, Vec<Vec<(u32, wasm_encoder::ValType)>>);

/// Tells of the loops, and which functions are called directly.
fn read(
    body: &FunctionBody<'_>,
    params: &[ValType],
    meter: Option<u32>,
) -> Result<(Loops, BTreeSet<u32>), BinaryReaderError> {
    let locals = Locals::of(body, params)?;
    let mut loops = Vec::new();
    let mut used: Vec<BTreeMap<u32, bool>> = Vec::new();
    let mut callees = BTreeSet::new();
    // The blocks that are open; of a loop, its place in `loops`.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        match operators.read()? {
            Operator::Loop { .. } => {
                note(&mut loops, &open, Loop::Long);
                open.push(Some(loops.len()));
                loops.push(Loop::Tight);
                used.push(BTreeMap::new());
            }
            Operator::LocalGet { local_index } => use_of(&mut used, &open, local_index, true),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                use_of(&mut used, &open, local_index, false);
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                open.push(None);
            }
            Operator::End => drop(open.pop()),
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                if Some(function_index) == meter {
                    note(&mut loops, &open, Loop::Marked);
                } else {
                    note(&mut loops, &open, Loop::Long);
                    callees.insert(function_index);
                }
            }
            Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => {
                note(&mut loops, &open, Loop::Long);
            }
            _ => {}
        }
    }
    let carried = |used: BTreeMap<u32, bool>| {
        let read = used.into_iter().filter(|(_, read_first)| *read_first);
        read.filter_map(|(local, _)| Some((local, locals.number(local)?))).collect()
    };
    let carried = used.into_iter().map(carried).collect();
    Ok(((loops, carried), callees))
}

/// The types of a function's locals.
struct Locals<'a> {
    params: &'a [ValType],
    /// How many there are of each in a row.
    groups: Vec<(u32, ValType)>,
}

impl<'a> Locals<'a> {
    fn of(body: &FunctionBody<'_>, params: &'a [ValType]) -> Result<Self, BinaryReaderError> {
        let groups = body.get_locals_reader()?.into_iter().collect::<Result<_, _>>()?;
        Ok(Self { params, groups })
    }

    fn type_of(&self, local: u32) -> Option<ValType> {
        let params = u32::try_from(self.params.len()).ok()?;
        let Some(mut at) = local.checked_sub(params) else {
            return self.params.get(local as usize).copied();
        };
        for (count, ty) in &self.groups {
            match at.checked_sub(*count) {
                Some(after) => at = after,
                None => return Some(*ty),
            }
        }
        None
    }

    /// The type of a local that holds a number or a vector.
    fn number(&self, local: u32) -> Option<wasm_encoder::ValType> {
        match self.type_of(local)? {
            ValType::I32 => Some(wasm_encoder::ValType::I32),
            ValType::I64 => Some(wasm_encoder::ValType::I64),
            ValType::F32 => Some(wasm_encoder::ValType::F32),
            ValType::F64 => Some(wasm_encoder::ValType::F64),
            ValType::V128 => Some(wasm_encoder::ValType::V128),
            ValType::Ref(_) => None,
        }
    }
}

/// A local is read, or written, in the innermost loop; what comes first there counts.
fn use_of(used: &mut [BTreeMap<u32, bool>], open: &[Option<usize>], local: u32, read: bool) {
    let innermost = open.iter().rev().flatten().next();
    if let Some(used) = innermost.and_then(|at| used.get_mut(*at)) {
        used.entry(local).or_insert(read);
    }
}

/// Something makes the open loops be of this kind, unless they are already of one that says more.
fn note(loops: &mut [Loop], open: &[Option<usize>], kind: Loop) {
    for at in open.iter().flatten() {
        if let Some(known) = loops.get_mut(*at) {
            *known = (*known).max(kind);
        }
    }
}

/// Functions without which there is no cycle of direct calls, by their place among the module's own.
/// The smallest such set is hard to find; taking the best-connected function out of every cycle, over
/// and over, comes close.
fn cuts(calls: &[BTreeSet<u32>], imported: u32) -> HashSet<usize> {
    let mut graph: DiGraph<usize, ()> = DiGraph::new();
    let nodes: Vec<NodeIndex> = (0..calls.len()).map(|index| graph.add_node(index)).collect();
    for (callees, from) in calls.iter().zip(&nodes) {
        let own = callees.iter().filter_map(|callee| callee.checked_sub(imported));
        for to in own.filter_map(|callee| nodes.get(callee as usize)) {
            graph.add_edge(*from, *to, ());
        }
    }
    let mut cuts = HashSet::new();
    loop {
        let mut taken = Vec::new();
        for component in tarjan_scc(&graph) {
            let members: HashSet<NodeIndex> = component.iter().copied().collect();
            let among = |neighbors: petgraph::graph::Neighbors<'_, ()>| {
                neighbors.filter(|neighbor| members.contains(neighbor)).count()
            };
            let best = component.iter().copied().max_by_key(|node| {
                among(graph.neighbors(*node))
                    * among(graph.neighbors_directed(*node, petgraph::Incoming))
            });
            taken.extend(
                best.filter(|node| component.len() > 1 || graph.contains_edge(*node, *node)),
            );
        }
        if taken.is_empty() {
            return cuts;
        }
        cuts.extend(taken.iter().filter_map(|node| graph.node_weight(*node).copied()));
        let taken: HashSet<NodeIndex> = taken.into_iter().collect();
        graph.retain_edges(|graph, edge| {
            graph
                .edge_endpoints(edge)
                .is_none_or(|(from, to)| !taken.contains(&from) && !taken.contains(&to))
        });
    }
}
