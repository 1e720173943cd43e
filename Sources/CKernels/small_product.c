#include "small_product.h"
#include "vectors.h"

#pragma STDC FP_CONTRACT ON

#define CK_PRODUCT ck_small_product
#define CK_PRODUCT_TARGETS CK_CLONES
#define CK_ADD_PRODUCT(sum, left, right) ((sum) + (left) * (right))
#include "product_tiles.h"
