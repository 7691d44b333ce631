// Moves weights from one layout to another: from the flat list of all weights into the forms that the products read, and gradients
// from a product's slices, which are added up in order, back into the flat list.

struct Params {
    // Slots, each with offsets of its own, by rows by columns.
    slots: u32,
    rows: u32,
    columns: u32,
    source: u32,
    source_row: u32,
    source_column: u32,
    target_start: u32,
    target_row: u32,
    target_column: u32,
    slices: u32,
    stride: u32,
    // Whether the sum is added to what is there.
    adds: u32,
    // Two slots a vector: the source's offset and the target's of each.
    offsets: array<vec4<u32>, 8>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(256)
fn arrange(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let slot_values = p.rows * p.columns;
    for (var i = id.x; i < p.slots * slot_values; i += groups.x * 256u) {
        let slot = i / slot_values;
        let inside = i - slot * slot_values;
        let row = inside / p.columns;
        let column = inside - row * p.columns;
        let pair = p.offsets[slot / 2u];
        let offsets = select(pair.xy, pair.zw, slot % 2u == 1u);
        let origin = p.source + offsets.x + row * p.source_row + column * p.source_column;
        let to = p.target_start + offsets.y + row * p.target_row + column * p.target_column;
        var sum = source[origin];
        for (var slice = 1u; slice < p.slices; slice++) {
            sum += source[slice * p.stride + origin];
        }
        if (p.adds == 1u) {
            sum += result[to];
        }
        result[to] = sum;
    }
}
