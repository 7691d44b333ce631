// The reverse pass of norm.wgsl and norm_tangent.wgsl together: with r and q the cotangents of value and tangent,
// a = x̂·gain + offset, h = q·GELU′(a)·gain and ā = r·GELU′(a) + q·GELU″(a)·gain·J(ẋ), x has the cotangent
//
//   J(ā·gain) − mean(h·x̂)·rate·J(ẋ) − mean(ẋ·x̂)·rate·J(h) − rate·x̂·mean(h·J(ẋ))
//
// the gain Σ ā·x̂ + q·GELU′(a)·J(ẋ) and the offset Σ ā. `lift` writes ā, the film's cotangents and the means, `descend` x's
// cotangent in place of ā. A workgroup has a group of channels of a picture.

struct Params {
    pixels: u32,
    width: u32,
    channels: u32,
    size: u32,
    // Slices that r lies in, and values from one to the next; 0 slices: one value a channel for all pixels.
    slices: u32,
    stride: u32,
    // Whether q is one value a channel for all pixels.
    broad: u32,
    film: u32,
    // Where the norm's statistics begin, the tangent's, and this pass's means, in pairs, of which there are three a group.
    stats: u32,
    tangents: u32,
    means: u32,
    // Whether there is a tangent.
    scored: u32,
    // Values of a row of the film's cotangents.
    row: u32,
    // Whether something is added to the result.
    adds: u32,
    // As in norm.wgsl; there is one block.
    block: u32,
    blocks: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> along: array<f32>;
@group(0) @binding(3) var<storage, read> point: array<f32>;
@group(0) @binding(4) var<storage, read> kept: array<f32>;
@group(0) @binding(5) var<storage, read> film: array<f32>;
@group(0) @binding(6) var<storage, read_write> stats: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> result: array<f32>;
@group(0) @binding(8) var<storage, read_write> film_cotangents: array<f32>;
@group(0) @binding(9) var<storage, read> added: array<f32>;

// A channel's sums of ā, ā·x̂, qGELU′·J(ẋ) and qGELU′·x̂; and of qGELU′.
var<workgroup> channels: array<vec4<f32>, THREADS>;
var<workgroup> slopes: array<f32, THREADS>;

fn value_cotangent(picture: u32, channel: u32, i: u32) -> f32 {
    if (p.slices == 0u) {
        return source[picture * p.width + channel];
    }
    var r = source[i];
    for (var slice = 1u; slice < p.slices; slice++) {
        r += source[slice * p.stride + i];
    }
    return r;
}

fn tangent_cotangent(picture: u32, channel: u32, i: u32) -> f32 {
    if (p.broad == 1u) {
        return along[picture * p.width + channel];
    }
    return along[i];
}

@compute @workgroup_size(THREADS)
fn lift(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let picture = id.z;
    let index = picture * groups() + id.x;
    let known = stats[p.stats + index];
    let lifts = bitcast<u32>(film[picture]) + p.film;
    var whole = vec4<f32>();
    var whole_slope = 0.0;
    // As many channels at a time as there are threads; each thread keeps to one channel.
    for (var base = 0u; base < p.size; base += THREADS) {
        let chunk = min(p.size - base, THREADS);
        let lanes = THREADS / chunk;
        let channel = id.x * p.size + base + thread % chunk;
        let gain = film[lifts + channel];
        let offset = film[lifts + p.width + channel];
        var sum = vec4<f32>();
        var slope = 0.0;
        if (thread < lanes * chunk) {
            for (var pixel = thread / chunk; pixel < p.pixels; pixel += lanes) {
                let i = (picture * p.pixels + pixel) * p.width + channel;
                let x = (point[i] - known.x) * known.y;
                let a = fma(x, gain, offset);
                let bell = normal(a);
                let first = fma(a, bell.y, bell.x);
                var lifted = value_cotangent(picture, channel, i) * first;
                if (p.scored == 1u) {
                    let q = tangent_cotangent(picture, channel, i);
                    let t = kept[i];
                    let h = q * first;
                    lifted = fma(q * bell.y * (2.0 - a * a), gain * t, lifted);
                    sum += vec4<f32>(0.0, 0.0, h * t, h * x);
                    slope += h;
                }
                sum += vec4<f32>(lifted, lifted * x, 0.0, 0.0);
                result[i] = lifted;
            }
        }
        channels[thread] = sum;
        slopes[thread] = slope;
        workgroupBarrier();
        if (thread < chunk) {
            for (var lane = 1u; lane < lanes; lane++) {
                sum += channels[lane * chunk + thread];
                slope += slopes[lane * chunk + thread];
            }
            let cotangent = picture * p.row + p.film + channel;
            film_cotangents[cotangent] = sum.y + sum.z;
            film_cotangents[cotangent + p.width] = sum.x;
            // From here on every sum is one of ā·gain or of h. Nobody else reads this place.
            channels[thread] = sum * gain;
            slopes[thread] = slope * gain;
        }
        workgroupBarrier();
        if (thread == 0u) {
            for (var c = 0u; c < chunk; c++) {
                whole += channels[c];
                whole_slope += slopes[c];
            }
        }
        workgroupBarrier();
    }
    if (thread == 0u) {
        let share = 1.0 / f32(p.pixels * p.size);
        let means = p.means + 3u * index;
        stats[means] = whole.xy * share;
        stats[means + 1u] = whole.zw * share;
        stats[means + 2u] = vec2<f32>(whole_slope * share, 0.0);
    }
}

@compute @workgroup_size(THREADS)
fn descend(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let picture = id.z;
    let index = picture * groups() + id.x;
    let known = stats[p.stats + index];
    let lifts = bitcast<u32>(film[picture]) + p.film + id.x * p.size;
    let of_lifted = stats[p.means + 3u * index];
    var bend = 0.0;
    // Of h·J(ẋ) and of h·x̂.
    var of_slope = vec2<f32>();
    var mean_slope = 0.0;
    if (p.scored == 1u) {
        bend = stats[p.tangents + index].x * known.y;
        of_slope = stats[p.means + 3u * index + 1u];
        mean_slope = stats[p.means + 3u * index + 2u].x;
    }
    let constant = of_lifted.x - bend * mean_slope;
    let of_normal = of_lifted.y - bend * of_slope.y + of_slope.x;
    for (var at = span(thread, 0u); at.x < at.z; at = next(at)) {
        let i = place(picture, id.x, at);
        let gain = film[lifts + at.y];
        let x = (point[i] - known.x) * known.y;
        var value = fma(result[i], gain, -constant);
        if (p.scored == 1u) {
            let a = fma(x, gain, film[lifts + p.width + at.y]);
            let bell = normal(a);
            let h = tangent_cotangent(picture, id.x * p.size + at.y, i) * gain * fma(a, bell.y, bell.x);
            value -= h * bend + kept[i] * of_slope.y;
        }
        value = (value - x * of_normal) * known.y;
        if (p.adds == 1u) {
            value += added[i];
        }
        result[i] = value;
    }
    clear_padding(thread, picture, id.x, 0u);
}
