// The group norm that preserves the scale, and a gain: gain·s·x̂ with x̂ = (x − mean)/d, d = √(variance + 1e-5) of a group's pixels
// and channels, s the root mean square of all groups' d. The blocks' moments are norm.wgsl's.

struct Params {
    pixels: u32,
    // Values a pixel, padding included; how many of them are channels; channels in a group.
    width: u32,
    channels: u32,
    size: u32,
    // Where gains begin in a picture's row of the film.
    film: u32,
    // Where this norm's statistics begin, in pairs, and where each picture's s.
    stats: u32,
    scales: u32,
    // Pixels a block, and how many blocks there are.
    block: u32,
    blocks: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> whole: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;
// As bits, where each picture's row begins; then the rows.
@group(0) @binding(3) var<storage, read> film: array<f32>;
// Mean and d of each picture's groups; then each picture's s.
@group(0) @binding(4) var<storage, read_write> stats: array<vec2<f32>>;
// Mean and sum of squares about it of each block.
@group(0) @binding(5) var<storage, read_write> parts: array<vec2<f32>>;

// A workgroup a picture, a thread a group.
@compute @workgroup_size(THREADS)
fn settle(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    var variances = 0.0;
    for (var group = thread; group < groups(); group += THREADS) {
        // Each block's share of the mean, then of the squares about the common mean.
        var mean = 0.0;
        for (var block = 0u; block < p.blocks; block++) {
            let share = f32(min(p.block, p.pixels - block * p.block)) / f32(p.pixels);
            mean = fma(parts[part(id.z, group, block)].x, share, mean);
        }
        var squares = 0.0;
        for (var block = 0u; block < p.blocks; block++) {
            let known = parts[part(id.z, group, block)];
            let count = f32(min(p.block, p.pixels - block * p.block) * p.size);
            let apart = known.x - mean;
            squares += fma(apart * apart, count, known.y);
        }
        let variance = squares / f32(p.pixels * p.size) + 1e-5;
        stats[p.stats + id.z * groups() + group] = vec2<f32>(mean, sqrt(variance));
        variances += variance;
    }
    let mean_square = total(thread, variances) / f32(groups());
    if (thread == 0u) {
        stats[p.scales + id.z] = vec2<f32>(sqrt(mean_square), 0.0);
    }
}

@compute @workgroup_size(THREADS)
fn apply(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let known = stats[p.stats + id.z * groups() + id.x];
    let scale = stats[p.scales + id.z].x / known.y;
    let gains = bitcast<u32>(film[id.z]) + p.film + id.x * p.size;
    for (var at = span(thread, id.y); at.x < at.z; at = next(at)) {
        let i = place(id.z, id.x, at);
        result[i] = film[gains + at.y] * scale * (whole[i] - known.x);
    }
    clear_padding(thread, id.z, id.x, id.y);
}
