// A convolution, its adjoint or a matrix product, as one product over taps and channels:
//
//   out[row, y, x, n] = Σ_tap Σ_c in[row, y·in_step + first.y + tap.y, x·in_step + first.x + tap.x, c] · weights[tap, c, n]
//
// with zeros outside the picture. Pictures are pixels × channels, channels padded to 4. An adjoint of stride 2 has four
// phases, one for each parity of line and column, each with its own few taps: it gathers, so nothing is added atomically.
//
// A workgroup of TX × TY computes a tile of 4·TY pixels by 4·TX channels, sixteen of depth at a time; each thread has four
// pixels, TY apart, by four channels. The depth may be cut into slices, whose results lie one after the other in `result` and
// are added up by whoever reads them. Within a slice the order of addition does not depend on the tile.

override TX: u32 = 8u;
override TY: u32 = 8u;
override TILE_ROWS: u32 = TY * 4u;
override THREADS: u32 = TX * TY;
// A line of four vectors and one of room, which spreads the reads over the banks.
override LEFT_SIZE: u32 = TY * 20u;
override RIGHT_SIZE: u32 = TX * 16u;

struct Phase {
    // Lines and columns of this phase's pixels.
    grid: vec2<u32>,
    taps: vec2<u32>,
    first: vec2<i32>,
    // The phase's first pixel in the output.
    origin: vec2<u32>,
    // Where its weights begin, in vectors.
    base: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

struct Params {
    rows: u32,
    // Rows that share a picture, and the number of the first: for `scales`.
    each: u32,
    first_row: u32,
    in_height: u32,
    in_width: u32,
    in_vectors: u32,
    out_height: u32,
    out_width: u32,
    out_vectors: u32,
    in_step: u32,
    out_step: u32,
    slices: u32,
    // Vectors from one slice of the result to the next.
    stride: u32,
    // 0: nothing is added; 1: `added`, row by row; 2: the row's scale times its picture's `added`.
    adds: u32,
    // The first workgroup along x, of a product that goes in pieces.
    first_group: u32,
    unused: u32,
    phases: array<Phase, 4>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> added: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> scales: array<f32>;

var<workgroup> left: array<vec4<f32>, LEFT_SIZE>;
var<workgroup> right: array<vec4<f32>, RIGHT_SIZE>;
// For each pixel of the tile: the first pixel of its row in the input or −1, the input's line and column of tap 0, and the
// output's pixel.
var<workgroup> places: array<vec4<i32>, TILE_ROWS>;

fn finish(slice: u32, local: u32, vector: u32, value: vec4<f32>) {
    let place = places[local];
    if (place.x < 0 || vector >= p.out_vectors) {
        return;
    }
    let at = u32(place.w) * p.out_vectors + vector;
    var total = value;
    if (p.adds == 1u) {
        total += added[at];
    } else if (p.adds == 2u) {
        let pixels = p.out_height * p.out_width;
        let row = u32(place.w) / pixels;
        let picture = (p.first_row + row) / p.each;
        let other = (picture * pixels + u32(place.w) - row * pixels) * p.out_vectors + vector;
        // A row that weighs nothing takes nothing, be it no number.
        let scale = scales[p.first_row + row];
        if (scale != 0.0) {
            total += scale * added[other];
        }
    }
    result[slice * p.stride + at] = total;
}

@compute @workgroup_size(TX, TY, 1)
fn conv(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let phase = p.phases[group.z / p.slices];
    let slice = group.z % p.slices;
    let area = phase.grid.x * phase.grid.y;
    let count = p.rows * area;
    let start = (p.first_group + group.x) * TILE_ROWS;
    if (start >= count) {
        return;
    }
    for (var i = thread; i < TILE_ROWS; i += THREADS) {
        var place = vec4<i32>(-1, 0, 0, 0);
        let pixel = start + i;
        if (pixel < count) {
            let row = pixel / area;
            let inside = pixel - row * area;
            let y = inside / phase.grid.y;
            let x = inside - y * phase.grid.y;
            let out = (row * p.out_height + y * p.out_step + phase.origin.x) * p.out_width + x * p.out_step + phase.origin.y;
            place = vec4<i32>(
                i32(row * p.in_height * p.in_width),
                i32(y * p.in_step) + phase.first.x,
                i32(x * p.in_step) + phase.first.y,
                i32(out),
            );
        }
        places[i] = place;
    }
    workgroupBarrier();

    let tx = thread % TX;
    let ty = thread / TX;
    let vector = group.y * TX + tx;
    let depth = phase.taps.x * phase.taps.y * p.in_vectors;
    let blocks = (depth + 3u) / 4u;
    let end = (slice + 1u) * blocks / p.slices;
    let lane = thread % 4u;
    var sum_0 = vec4<f32>();
    var sum_1 = vec4<f32>();
    var sum_2 = vec4<f32>();
    var sum_3 = vec4<f32>();
    for (var block = slice * blocks / p.slices; block < end; block++) {
        let at = block * 4u + lane;
        let tap = at / p.in_vectors;
        let channel = at - tap * p.in_vectors;
        let line = tap / phase.taps.y;
        let column = tap - line * phase.taps.y;
        for (var i = thread; i < TILE_ROWS * 4u; i += THREADS) {
            let place = places[i / 4u];
            let y = place.y + i32(line);
            let x = place.z + i32(column);
            var value = vec4<f32>();
            let inside = y >= 0 && x >= 0 && y < i32(p.in_height) && x < i32(p.in_width);
            if (inside && place.x >= 0 && at < depth) {
                value = source[u32(place.x + y * i32(p.in_width) + x) * p.in_vectors + channel];
            }
            left[(i / 4u) * 5u + lane] = value;
        }
        for (var i = thread; i < RIGHT_SIZE; i += THREADS) {
            let row = i / TX;
            let output = group.y * TX + i % TX;
            var value = vec4<f32>();
            if (block * 4u + row / 4u < depth && output < p.out_vectors) {
                value = weights[phase.base + (block * 16u + row) * p.out_vectors + output];
            }
            right[i] = value;
        }
        workgroupBarrier();
        for (var k = 0u; k < 4u; k++) {
            let b_0 = right[(k * 4u) * TX + tx];
            let b_1 = right[(k * 4u + 1u) * TX + tx];
            let b_2 = right[(k * 4u + 2u) * TX + tx];
            let b_3 = right[(k * 4u + 3u) * TX + tx];
            let a_0 = left[ty * 5u + k];
            let a_1 = left[(ty + TY) * 5u + k];
            let a_2 = left[(ty + TY * 2u) * 5u + k];
            let a_3 = left[(ty + TY * 3u) * 5u + k];
            sum_0 = fma(vec4<f32>(a_0.x), b_0, sum_0);
            sum_1 = fma(vec4<f32>(a_1.x), b_0, sum_1);
            sum_2 = fma(vec4<f32>(a_2.x), b_0, sum_2);
            sum_3 = fma(vec4<f32>(a_3.x), b_0, sum_3);
            sum_0 = fma(vec4<f32>(a_0.y), b_1, sum_0);
            sum_1 = fma(vec4<f32>(a_1.y), b_1, sum_1);
            sum_2 = fma(vec4<f32>(a_2.y), b_1, sum_2);
            sum_3 = fma(vec4<f32>(a_3.y), b_1, sum_3);
            sum_0 = fma(vec4<f32>(a_0.z), b_2, sum_0);
            sum_1 = fma(vec4<f32>(a_1.z), b_2, sum_1);
            sum_2 = fma(vec4<f32>(a_2.z), b_2, sum_2);
            sum_3 = fma(vec4<f32>(a_3.z), b_2, sum_3);
            sum_0 = fma(vec4<f32>(a_0.w), b_3, sum_0);
            sum_1 = fma(vec4<f32>(a_1.w), b_3, sum_1);
            sum_2 = fma(vec4<f32>(a_2.w), b_3, sum_2);
            sum_3 = fma(vec4<f32>(a_3.w), b_3, sum_3);
        }
        workgroupBarrier();
    }
    finish(slice, ty, vector, sum_0);
    finish(slice, ty + TY, vector, sum_1);
    finish(slice, ty + TY * 2u, vector, sum_2);
    finish(slice, ty + TY * 3u, vector, sum_3);
}
