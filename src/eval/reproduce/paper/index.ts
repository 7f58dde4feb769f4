/** The paper's tables by their names. */

import { table1 } from "./table1.js"
import { table2 } from "./table2.js"
import { table3 } from "./table3.js"
import { table4 } from "./table4.js"

export const PAPER_TABLES = { table1, table2, table3, table4 } as const
