// The pullback of scale_norm.wgsl over rows of cotangents: with h = g·gain and M the mean over the groups,
// s·(h − mean(h) − x̂·mean(h·x̂))/d + M(mean(h·x̂))/s · d·x̂, and what is added to it.

struct Params {
    pixels: u32,
    width: u32,
    channels: u32,
    size: u32,
    film: u32,
    stats: u32,
    scales: u32,
    block: u32,
    blocks: u32,
    // Whether `added` is added.
    adds: u32,
    each: u32,
    first_row: u32,
    // Rows at once.
    rows: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> whole: array<f32>;
@group(0) @binding(3) var<storage, read> film: array<f32>;
@group(0) @binding(4) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read> added: array<f32>;
@group(0) @binding(6) var<storage, read_write> result: array<f32>;
// Sums of h and h·x̂ of each block.
@group(0) @binding(7) var<storage, read_write> parts: array<vec2<f32>>;
// Their means of each row's groups; then each row's M(mean(h·x̂))/s.
@group(0) @binding(8) var<storage, read_write> means: array<vec2<f32>>;

fn picture_of(row: u32) -> u32 {
    return (p.first_row + row) / p.each;
}

// A row's group: the film's place of its gains, its picture's mean and d.
struct Known {
    gains: u32,
    mean: f32,
    deviation: f32,
}

fn known_of(row: u32, group: u32) -> Known {
    let picture = picture_of(row);
    let found = stats[p.stats + picture * groups() + group];
    return Known(bitcast<u32>(film[picture]) + p.film + group * p.size, found.x, found.y);
}

@compute @workgroup_size(THREADS)
fn sums_of(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let known = known_of(id.z, id.x);
    let picture = picture_of(id.z);
    var sum = vec2<f32>();
    for (var at = span(thread, id.y); at.x < at.z; at = next(at)) {
        let h = source[place(id.z, id.x, at)] * film[known.gains + at.y];
        let x = (whole[place(picture, id.x, at)] - known.mean) / known.deviation;
        sum += vec2<f32>(h, h * x);
    }
    let found = totals(thread, sum);
    if (thread == 0u) {
        parts[part(id.z, id.x, id.y)] = found;
    }
}

// A workgroup a row, a thread a group.
@compute @workgroup_size(THREADS)
fn settle(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    var along = 0.0;
    for (var group = thread; group < groups(); group += THREADS) {
        var sum = vec2<f32>();
        for (var block = 0u; block < p.blocks; block++) {
            sum += parts[part(id.z, group, block)];
        }
        let found = sum / f32(p.pixels * p.size);
        means[id.z * groups() + group] = found;
        along += found.y;
    }
    let whole_scale = stats[p.scales + picture_of(id.z)].x;
    let mean = total(thread, along) / f32(groups()) / whole_scale;
    if (thread == 0u) {
        means[p.rows * groups() + id.z] = vec2<f32>(mean, 0.0);
    }
}

@compute @workgroup_size(THREADS)
fn apply(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let known = known_of(id.z, id.x);
    let picture = picture_of(id.z);
    let scale = stats[p.scales + picture].x / known.deviation;
    let mean = means[id.z * groups() + id.x];
    let whole_share = known.deviation * means[p.rows * groups() + id.z].x;
    for (var at = span(thread, id.y); at.x < at.z; at = next(at)) {
        let i = place(id.z, id.x, at);
        let h = source[i] * film[known.gains + at.y];
        let x = (whole[place(picture, id.x, at)] - known.mean) / known.deviation;
        var value = fma(whole_share, x, scale * (h - mean.x - x * mean.y));
        if (p.adds == 1u) {
            value += added[i];
        }
        result[i] = value;
    }
    clear_padding(thread, id.z, id.x, id.y);
}
