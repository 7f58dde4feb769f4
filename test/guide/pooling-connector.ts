/** A small connector: each cell of neighbouring features becomes their mean, and a linear layer follows. */

import { type ConnectorConfig, type ConnectorFamily, takeLinear, UserError } from "../../src/index.js"

export interface PoolConfig extends ConnectorConfig {
  /** Features down and across of a cell. */
  side: number
}

export const pool: ConnectorFamily<PoolConfig> = {
  name: "pool",
  usage: "pool2 (or pool3, …)",
  read(name) {
    const [, digit] = /^pool([2-9])$/.exec(name) ?? []
    return digit === undefined ? undefined : { family: "pool", name, side: Number(digit) }
  },
  rows({ side }, { count, grid }, where) {
    if (!grid || grid.some((length) => length % side !== 0))
      throw new UserError(`${grid?.join(" × ") ?? count} features do not fall into cells of ${side} × ${side}`, {
        where,
        fix: "use another connector, such as mlp2x_gelu",
      })
    const [rows, columns] = grid
    return { count: count / side ** 2, grid: [rows / side, columns / side] }
  },
  build({ side }, { grid, channels }, hiddenSize, weights) {
    const [rows, columns] = grid!
    const layer = takeLinear(weights, "proj", [hiddenSize, channels], true)
    return {
      forward(features) {
        const [tiles] = features.shape
        const cells = features.reshape(tiles * (rows / side), side, columns / side, side, channels)
        return layer.forward(cells.mean([1, 3]).reshape(tiles, -1, channels))
      },
    }
  },
}
