// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// What a contract would have to do to see, from evidence alone, that the sample that a node proved differs
/// from the update that it committed. Only measured (bench/evidence_gas.py), in no network: see
/// docs/decisions/0006-equivocation-evidence.md.
contract EquivocationEvidence {
    uint256 private constant R =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant Q =
        21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint256 private constant TABLE = 8192; // slots, more than twice the largest sample

    struct Point {
        uint256 x;
        uint256 y;
    }

    /// Whether the polynomial in `commitment` is `value` at the domain's point `place`.
    function checkOpening(
        Point calldata commitment,
        Point calldata witness,
        uint256 root,
        uint256 place,
        uint256 value,
        uint256[4] calldata secretG2
    ) public view returns (bool) {
        uint256 z = _power(root, place);
        // e(C − y·G + z·W, G2) = e(W, s·G2)
        Point memory left = _add(commitment, _multiply(Point(1, 2), value == 0 ? 0 : R - value));
        left = _add(left, _multiply(witness, z));
        uint256[12] memory input = [
            left.x,
            left.y,
            0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2,
            0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed,
            0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b,
            0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa,
            witness.x,
            Q - witness.y,
            secretG2[0],
            secretG2[1],
            secretG2[2],
            secretG2[3]
        ];
        uint256[1] memory out;
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 8, input, 384, out, 32)) { revert(0, 0) }
        }
        return out[0] == 1;
    }

    /// Whether `leaf`, 32 digits of the update, is at `position` under `root`.
    function checkPath(bytes32 root, bytes32 leaf, uint256 position, bytes32[] calldata path)
        public
        pure
        returns (bool)
    {
        bytes32 node = keccak256(abi.encodePacked(leaf));
        for (uint256 i; i < path.length; ++i) {
            node = (position >> i) & 1 == 0
                ? keccak256(abi.encodePacked(node, path[i]))
                : keccak256(abi.encodePacked(path[i], node));
        }
        return node == root;
    }

    /// Draws the whole sample again: whether `coordinate` is in it, and how many smaller ones are.
    function rankOf(bytes32 seed, uint256 size, uint256 parameters, uint256 coordinate)
        public
        view
        returns (bool drawn, uint256 rank)
    {
        unchecked {
            uint256 limit = (1 << 64) - ((1 << 64) % parameters);
            uint256 table;
            uint256 block_;
            assembly ("memory-safe") {
                table := mload(0x40)
                block_ := add(table, mul(TABLE, 32))
                mstore(block_, seed)
                // "sample", and room for the counter
                mstore(add(block_, 32), shl(208, 0x73616d706c65))
                mstore(0x40, add(block_, 96))
            }
            uint256 found;
            for (uint256 counter; found < size; ++counter) {
                uint256 words = _hash(block_, counter);
                for (uint256 i = 4; i != 0 && found < size; --i) {
                    uint256 word = (words >> (64 * (i - 1))) & type(uint64).max;
                    if (word >= limit) continue;
                    uint256 index = word % parameters;
                    if (!_insert(table, index)) continue;
                    ++found;
                    if (index < coordinate) ++rank;
                    else if (index == coordinate) drawn = true;
                }
            }
        }
    }

    /// All three, as the transaction that would slash: the digit at the place in the sample is not the leaf's.
    function show(
        Point calldata commitment,
        Point calldata witness,
        uint256[7] calldata domain, // root of unity, value, the setup's s·G2 (four words), Merkle position
        bytes32[] calldata path,
        bytes32[2] calldata leafAndRoot,
        bytes32 seed,
        uint256[3] calldata sample // size, parameters, coordinate
    ) external view returns (bool) {
        (bool drawn, uint256 place) = rankOf(seed, sample[0], sample[1], sample[2]);
        uint256[4] memory secret = [domain[2], domain[3], domain[4], domain[5]];
        return drawn && checkPath(leafAndRoot[1], leafAndRoot[0], domain[6], path)
            && this.checkOpening(commitment, witness, domain[0], place, domain[1], secret);
    }

    function _hash(uint256 block_, uint256 counter) private view returns (uint256 words) {
        // The counter, little-endian, after seed and label: 32 + 6 + 8 bytes.
        uint256 c = _swap(counter << 192);
        assembly ("memory-safe") {
            mstore(add(block_, 38), c)
            if iszero(staticcall(gas(), 2, block_, 46, 0, 32)) { revert(0, 0) }
            words := mload(0)
        }
        words = _swap(words);
    }

    /// Reverses the bytes of each of the four words.
    function _swap(uint256 v) private pure returns (uint256) {
        uint256 a = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        uint256 b = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        uint256 c = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        v = ((v >> 8) & a) | ((v & a) << 8);
        v = ((v >> 16) & b) | ((v & b) << 16);
        return ((v >> 32) & c) | ((v & c) << 32);
    }

    /// Into a table with open addressing; false if it was there.
    function _insert(uint256 table, uint256 index) private pure returns (bool isNew) {
        assembly ("memory-safe") {
            let key := add(index, 1)
            let slot := and(mul(index, 0x9e3779b1), 0x1fff)
            for { } 1 { } {
                let at := add(table, mul(slot, 32))
                let held := mload(at)
                if iszero(held) {
                    mstore(at, key)
                    isNew := 1
                    break
                }
                if eq(held, key) { break }
                slot := and(add(slot, 1), 0x1fff)
            }
        }
    }

    function _power(uint256 base, uint256 exponent) private view returns (uint256 result) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, 32)
            mstore(add(at, 32), 32)
            mstore(add(at, 64), 32)
            mstore(add(at, 96), base)
            mstore(add(at, 128), exponent)
            mstore(add(at, 160), R)
            if iszero(staticcall(gas(), 5, at, 192, 0, 32)) { revert(0, 0) }
            result := mload(0)
        }
    }

    function _multiply(Point memory p, uint256 scalar) private view returns (Point memory out) {
        uint256[3] memory input = [p.x, p.y, scalar];
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 7, input, 96, out, 64)) { revert(0, 0) }
        }
    }

    function _add(Point memory a, Point memory b) private view returns (Point memory out) {
        uint256[4] memory input = [a.x, a.y, b.x, b.y];
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 6, input, 128, out, 64)) { revert(0, 0) }
        }
    }
}
